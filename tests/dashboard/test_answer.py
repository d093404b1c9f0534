"""The answer on top: its sentence is as strong as the verdict, its labels do not lie over each other."""

import itertools
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.panels.answer import (
    _Label,
    answer_panel,
    answers,
    curve_picture,
    round_steps,
    sentence,
    short_names,
    spread,
)
from dashboard.view import LakeView, read_view
from storage.lake import Lake


def test_sentence_cards_and_labels_say_the_studys_numbers(full_lake: Lake) -> None:
    view = read_view(full_lake)
    (answer, *_) = answers(view)
    text = sentence(answer)
    assert f"{answer.start:.1f} to {answer.end:.1f} mm PA-MPJPE over 3 min of film" in text
    body = answer_panel(view).body
    assert text.replace("'", "&#39;") in body
    assert f"HMMR with film {answer.end:.1f}" in body
    assert "2D network alone 80.5" in body
    assert body.count('class="curve wide"') == body.count('class="curve narrow"') == 1


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("holds", "More video helps: "), ("undecided", "The error fell: "), (None, "The error fell: ")],
)
def test_the_claim_is_no_stronger_than_the_verdict(full_lake: Lake, verdict: str | None, words: str) -> None:
    (answer, *_) = answers(read_view(full_lake))
    assert answer.fitted is not None
    fitted = None if verdict is None else replace(answer.fitted, report={**answer.fitted.report, "verdict": verdict})
    text = sentence(replace(answer, fitted=fitted))
    assert text.startswith(words)
    assert ("too few for a verdict" in text) == (verdict is None)


def test_a_curve_that_rises_did_not_help(full_lake: Lake) -> None:
    (answer, *_) = answers(read_view(full_lake))
    points = tuple(replace(point, value=100 + point.hours) for point in answer.curve.points)
    assert sentence(replace(answer, curve=replace(answer.curve, points=points))).startswith("More video did not help")


def test_the_callers_sentences_take_the_answers_place(full_lake: Lake) -> None:
    body = answer_panel(read_view(full_lake), ["one <b>", "two"]).body
    assert "one &lt;b&gt;" in body
    assert "The error fell" not in body


def test_a_report_that_is_no_report_leaves_the_numbers(full_lake: Lake) -> None:
    (answer, *_) = answers(read_view(full_lake))
    assert answer.fitted is not None
    for report in ({}, {"verdict": 7}, {"verdict": "holds", "trend_p": "x", "marginal": []}):
        assert "mm PA-MPJPE" in sentence(replace(answer, fitted=replace(answer.fitted, report=report)))


def test_an_empty_lake_says_what_is_missing_in_one_line() -> None:
    assert 'class="none"' in answer_panel(LakeView()).html()


@given(st.lists(st.floats(14, 276), max_size=12))
def test_labels_keep_their_distance_and_their_order(heights: list[float]) -> None:
    placed = spread([_Label(y, "", "") for y in heights], 14, 276)
    at = [y for _, y in placed]
    assert at == sorted(at)
    assert all(b - a >= 16 - 1e-9 for a, b in itertools.pairwise(at))
    assert all(y <= 276 + 1e-9 for y in at)


def test_names_leave_out_what_all_share() -> None:
    assert short_names(["s/steps · a", "s/steps · b"], "film") == ["a", "b"]
    assert short_names(["s/steps · a"], "film") == ["film"]


@pytest.mark.parametrize(
    ("low", "high", "steps"), [(80, 125, [80, 90, 100, 110, 120]), (0.1, 0.52, [0.1, 0.2, 0.3, 0.4, 0.5])]
)
def test_ticks_are_round(low: float, high: float, steps: list[float]) -> None:
    assert round_steps(low, high) == steps


def test_the_curve_alone_is_a_picture_that_any_reader_of_svg_takes(full_lake: Lake) -> None:
    picture = curve_picture(read_view(full_lake))
    assert picture is not None
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert any(node.tag.endswith("polyline") for node in root.iter())
    assert any("HMMR with film" in (node.text or "") for node in root.iter())
    assert curve_picture(LakeView()) is None
