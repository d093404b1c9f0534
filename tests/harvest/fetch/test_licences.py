"""What hosts write about licences, and what it means: 200 wordings."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.fetch.licences import classify_licence

LINES = (Path(__file__).parent / "licence_wordings.txt").read_text().splitlines()
TABLE = [tuple(line.split("\t")) for line in LINES]
OPEN = [words for state, words in TABLE if state == "open"]


def test_there_are_200_of_them() -> None:
    assert len(TABLE) == len(set(TABLE)) >= 200


@pytest.mark.parametrize(("state", "words"), TABLE)
def test_table(state: str, words: str) -> None:
    assert classify_licence(words) == state


@pytest.mark.parametrize("nothing", [None, "", "   ", "\n", 7, ["CC-BY-4.0"], {"id": "MIT"}])
def test_what_is_no_text(nothing: object) -> None:
    assert classify_licence(nothing) == "unknown"  # type: ignore[arg-type]


@given(st.text(min_size=1, max_size=30), st.sampled_from(OPEN), st.booleans())
def test_words_around_an_identifier_take_its_meaning(more: str, words: str, before: bool) -> None:
    if more.split():
        around = f"{more} {words}" if before else f"{words} {more}"
        assert classify_licence(around) in ("unknown", "open", "nc", "nd")
        assert classify_licence(f"not {around}") == "unknown"
