"""Text of strangers read as JSON: a value or BadJsonError, never anything else."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.json_text import BadJsonError, number, read_json, read_object, word
from storage.stats import stage_seconds

BROKEN = [
    None, "", "{", "[" * 100_000, '{"a":' * 100_000, "1" * 5000, b"\xff\xfe\x00", '"\\ud800"', '"\ud800"',
    '{"\\udfff": 1}',
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_json_is_one_error(text: str | bytes | None) -> None:
    with pytest.raises(BadJsonError):
        read_json(text)
    with pytest.raises(BadJsonError):
        read_object(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_python_writes_comes_back(value: Any) -> None:
    assert read_json(json.dumps(value)) == value


@given(st.binary() | st.text())
def test_any_text_gives_a_value_or_bad_json(text: str | bytes) -> None:
    with suppress(BadJsonError):
        json.dumps(read_json(text), ensure_ascii=False).encode()


def test_an_emoji_as_two_escapes_is_a_character() -> None:
    assert read_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"'])
def test_an_object_is_asked_for(text: str) -> None:
    with pytest.raises(BadJsonError, match="where an object is expected"):
        read_object(text)


@pytest.mark.parametrize("value", ["1", True, None, [], float("nan"), float("inf"), 10**400, -(10**400)])
def test_what_is_no_finite_number(value: Any) -> None:
    with pytest.raises(BadJsonError):
        number(value)


def test_numbers_and_words() -> None:
    assert (number(3), number(-0.5), word("x")) == (3.0, -0.5, "x")
    with pytest.raises(BadJsonError):
        word(1)


@pytest.mark.parametrize("text", [None, "[1]", "[" * 100_000, '{"pose": "long", "people": NaN, "all": {"wall": []}}'])
def test_stages_of_a_stranger_cost_nothing(text: str | None) -> None:
    assert stage_seconds(text) == {}


def test_stages_that_can_be_read_are() -> None:
    text = '{"pose": {"wall": 2, "cpu": "much"}, "shots": 0.5, "phi": 1e999}'
    assert stage_seconds(text) == {"pose": {"wall": 2.0}, "shots": {"wall": 0.5}}
