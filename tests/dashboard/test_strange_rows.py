"""A lake from anybody: whatever its JSON columns hold, the page is made, and what cannot be shown is named."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.markup import Panel
from dashboard.page import export
from dashboard.panels.curve import curve_panel
from dashboard.panels.runs import versions_panel
from dashboard.panels.verdict import verdict_panel
from dashboard.panels.which_data import which_panel
from dashboard.panels.worst import worst_panel
from dashboard.studies import fitted_studies
from dashboard.view import LakeView, Row, read_view
from storage.lake import Lake
from storage.snapshot import freeze
from storage.tables import rows_to_table

DEEP = "[" * 100_000
TEXTS = ["", "null", "[]", "7", '"x"', "{", DEEP, '{"of":' * 100_000, "9" * 5000, '{"of": "\\ud800", "report": 1}']
STRANGE: list[Any] = [None, True, "x", [], {}, [[[]]], -1, 10**400, float("nan"), float("inf")]
PANELS = {"fit": verdict_panel, "which": which_panel, "worst": worst_panel}


@pytest.mark.parametrize("column", ["config", "curves", "stage_seconds"])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_page_is_made_of_any_text(full_lake: Lake, tmp_path: Path, column: str, text: str) -> None:
    table = "videos" if column == "stage_seconds" else "runs"
    strange = Lake(tmp_path / "strange")
    rows = [row | {column: text} for row in full_lake.read(table).to_pylist()]
    strange.append(table, rows_to_table(table, rows))
    strange.append("scores", full_lake.read("scores"))
    assert "</html>" in export(strange, tmp_path / "page.html").read_text()


def places(value: Any) -> Iterator[list[Any]]:
    """The path to everything within a value; of a list to its first entry only, since the others are alike."""
    yield []
    keys = list(value) if isinstance(value, dict) else [0] if isinstance(value, list) and value else []
    for key in keys:
        for rest in places(value[key]):
            yield [key, *rest]


def changed(value: Any, path: list[Any], new: Any) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return made


@pytest.mark.parametrize("name", PANELS)
def test_any_value_anywhere_harms_no_other_run(full_lake: Lake, name: str) -> None:
    view = read_view(full_lake)
    panel: Callable[[LakeView], Panel] = PANELS[name]
    good = next(row for row in view.runs if row["run_id"] == name)
    content = json.loads(good["config"])
    for path in list(places(content))[1:]:
        for value in STRANGE:
            bad = {**good, "run_id": "bad", "config": json.dumps(changed(content, path, value))}
            body = panel(LakeView(runs=[bad])).body
            assert body
            body.encode()
            assert "NaN" not in body


def test_a_law_of_any_shape_leaves_the_curve(full_lake: Lake) -> None:
    view = read_view(full_lake)
    good = next(row for row in view.runs if row["run_id"] == "fit")
    content = json.loads(good["config"])
    best = content["report"]["best_law"]
    for curve in (7, "x", [[1, 2]], [["a", 1, 2, 3]], [[1, 2, 3, 10**400]], [[1, 2, 3, float("nan")]], {"a": 1}):
        content["report"]["fits"][best]["curve"] = curve
        runs: list[Row] = [{**good, "config": json.dumps(content)}]
        assert fitted_studies(runs) == []
        assert 'class="plot"' in curve_panel(LakeView(scores=view.scores, runs=runs)).body
        assert "a report that cannot be read: fit." in verdict_panel(LakeView(runs=runs)).body


@pytest.mark.parametrize(("name", "key"), [("which", "ranking"), ("worst", "sequences")])
def test_what_is_left_out_is_named_and_the_rest_is_shown(full_lake: Lake, name: str, key: str) -> None:
    view = read_view(full_lake)
    good = next(row for row in view.runs if row["run_id"] == name)
    content = json.loads(good["config"]) | {key: [{"group": 7}]}
    bad = {**good, "run_id": "of a stranger", "config": json.dumps(content)}
    body = PANELS[name](LakeView(runs=[bad, good])).body
    assert "cannot be read: of a stranger." in body
    assert "jump &amp; run" in body


def test_a_damaged_snapshot_is_named(full_lake: Lake) -> None:
    whole = freeze(full_lake).digest
    broken = Path(full_lake.layout.snapshot("d" * 64))
    broken.write_text(DEEP)
    body = versions_panel(read_view(full_lake)).body
    assert f"damaged: delete their files and freeze them again: {'d' * 64}." in body
    assert f"<code>{whole}</code>" in body


@pytest.mark.parametrize("hours", [float("nan"), float("inf")])
def test_scores_of_no_number_of_hours_are_named(full_lake: Lake, tmp_path: Path, hours: float) -> None:
    row = next(row for row in full_lake.read("scores").to_pylist() if row["variant"] == "semi")
    strange = {**row, "score_id": "of a stranger", "hours": hours, "value": float("nan")}
    full_lake.append("scores", rows_to_table("scores", [strange]))
    page = export(full_lake, tmp_path / "page.html").read_text()
    assert "of no number of hours: of a stranger." in page
    assert '["quick","blazepose_penultimate"]' in page
