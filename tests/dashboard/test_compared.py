"""Label versions on the page: one curve each, named by what differs, and what the statistics say of them."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.panels.compared import compared_table, words_of
from dashboard.panels.curve import curve_panel
from dashboard.view import LakeView

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST, OTHER = "s/steps/labels-aaaaaaaa", "s/steps/labels-bbbbbbbb"
OF = {"study": FIRST, "phi_name": "phi", "dataset": "films", "split": "dev", "protocol": "open_v1",
      "metric": "pa_mpjpe_mm"}  # fmt: skip
CHANGE = {"value": -1.234, "low": -2.0, "high": -0.5}


def row(**other: Any) -> dict[str, Any]:
    return {"series": OTHER, "change": CHANGE, "at_sizes": [[0.5, CHANGE]], "answer": "better", **other}


def run(**other: Any) -> dict[str, Any]:
    words = {FIRST: "no smoothing", OTHER: "smoothing <b>0.06</b> s"}
    content = {"versions": {"words": words}, "compared": [{"of": OF, "rows": [row()]}], **other}
    return {"run_id": "c", "kind": "study", "started_at": NOW, "config": json.dumps(content)}


def score(series: str, hours: float, value: float) -> dict[str, Any]:
    return {**OF, "study": series, "variant": "semi", "sequence": "*macro", "run_id": f"{series}{hours}", "seed": 0,
            "hours": hours, "value": value, "scored_at": NOW + timedelta(hours=hours)}  # fmt: skip


def test_each_version_is_a_named_curve_that_is_drawn_at_once() -> None:
    scores = [score(series, hours, 100 - hours) for series in (FIRST, OTHER) for hours in (0.0, 1.0)]
    scores.append(score("s/steps/labels-aaaaaaaa/noise-1", 1.0, 90))
    body = curve_panel(LakeView(scores=scores, runs=[run()])).body
    block = re.search(r'id="data-compare">(.*?)</script>', body)
    assert block is not None
    series = json.loads(block[1])["series"]
    assert [one["words"] for one in series] == [
        ["s", "steps", "labels-aaaaaaaa", "no smoothing", "phi"],
        ["s", "steps", "labels-bbbbbbbb", "smoothing <b>0.06</b> s", "phi"],
        ["s", "steps", "labels-aaaaaaaa", "noise-1", "phi"],
    ]
    assert [one["first"] for one in series] == [True, True, False]
    assert "<b>0.06" not in body
    assert "-1.23 [-2.00, -0.50]" in body
    assert "✓ better" in body


def test_a_lake_without_versions_says_nothing_of_them() -> None:
    plain = [score("s/steps", hours, 100 - hours) for hours in (0.0, 1.0)]
    assert "Label versions" not in curve_panel(LakeView(scores=plain)).body
    assert words_of([run(versions={})]) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"compared": [{"of": OF, "rows": [row(series="another")]}]},
        {"compared": [{"of": OF, "rows": [row(change=3)]}]},
        {"compared": [{"of": OF, "rows": [row(answer="best")]}]},
        {"compared": [{"of": {}, "rows": []}]},
        {"versions": {"words": [1]}},
        {"versions": 3},
    ],
)  # fmt: skip
def test_a_strangers_row_is_passed_over(changes: dict[str, Any]) -> None:
    assert words_of([run(**changes), {**run(), "config": "["}]) == {}
    assert str(compared_table([run(**changes)])) == ""
