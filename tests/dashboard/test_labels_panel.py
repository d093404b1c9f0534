"""The page about label quality: tables with bars, reliability diagrams, hostile rows."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.page import export
from dashboard.panels.labels import Band, labels_panel, newest_parts, reliability
from dashboard.view import LakeView
from storage.lake import Lake
from storage.tables import rows_to_table

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SCRIPT = "</script><script>window.pwned = 1</script>"
RELIABILITY = {
    "key": "r", "title": "Reliability", "note": SCRIPT, "bar": "", "chart": "reliability",
    "columns": ["score", "joints", "mean score", "right"],
    "rows": [["0.0 to 0.5", 100, 0.25, 0.5], ["0.5 to 1.0", 400, 0.9, 0.95], ["none", 0, None, None]],
}  # fmt: skip
ERRORS = {
    "key": "e", "title": "Errors", "note": "In diagonals.", "bar": "mean", "chart": "",
    "columns": ["film", "mean"], "rows": [[SCRIPT, 0.02], ["two", 0.04]],
}  # fmt: skip


def measured(tables: list[Any], minute: int = 0, part: str = "errors", place: int = 0) -> dict[str, Any]:
    """A row as `hmmr harvest measure` keeps it."""
    content = {"part": part, "place": place, "tables": tables}
    return {
        "run_id": f"label_quality-{minute}", "kind": "label_quality", "started_at": NOW + timedelta(minutes=minute),
        "seconds": 3.0, "config": json.dumps({"label_quality": content}), "snapshot": None,
        "checkpoint": None, "command": "hmmr harvest measure", "commit": "c" * 40, "curves": "{}",
    }  # fmt: skip


def test_tables_bars_and_diagram_are_drawn() -> None:
    body = labels_panel(LakeView(runs=[measured([ERRORS, RELIABILITY])])).body
    assert body.count("<table>") == 2
    assert re.findall(r'class="bar" style="width: ([\d.]+)%', body) == ["50.0", "100.0"]
    assert body.count("<circle") == 2
    assert "says 0.25, right 0.50; says 0.90, right 0.95" in body
    assert "window.pwned" in body
    assert "<script" not in body


def test_the_newest_of_each_part_counts_and_broken_ones_are_passed_over() -> None:
    ragged = ERRORS | {"rows": [["one", 1, 2]]}
    broken = measured([], 3) | {"config": "[no json"}
    runs = [
        measured([ERRORS], 5, "scores", place=1), measured([ERRORS], 0), measured([ragged, RELIABILITY], 2), broken,
        measured([{"title": "x"}], 4),
    ]  # fmt: skip
    parts = newest_parts(LakeView(runs=runs))
    assert [part.run["run_id"] for part in parts] == ["label_quality-2", "label_quality-5"]
    assert [table.title for part in parts for table in part.tables] == ["Reliability", "Errors"]
    assert "hmmr harvest measure" in labels_panel(LakeView(runs=[broken])).body


def test_numbers_and_brackets_without_end_harm_nothing() -> None:
    huge = int("1" + "0" * 400)
    rows = [["0.0 to 0.5", huge, 0.2, 0.3], ["0.5 to 1.0", 5, 0.9, huge]]
    deep = measured([ERRORS], 3) | {"config": '{"label_quality": ' + "[" * 100_000}
    runs = [measured([RELIABILITY | {"rows": rows, "bar": "joints"}]), measured([ERRORS], 1, place=huge), deep]
    assert [part.run["run_id"] for part in newest_parts(LakeView(runs=runs))] == ["label_quality-0"]
    assert str(huge) in labels_panel(LakeView(runs=runs)).body


def test_the_page_carries_no_plotly(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("runs", rows_to_table("runs", [measured([ERRORS, RELIABILITY])]))
    page = export(lake, tmp_path / "labels.html", about="labels").read_text()
    assert len(page) < 100_000
    assert 'href="#labels-1"' in page
    assert 'id="labels-1"' in page


@pytest.mark.parametrize(("said", "right"), [(0.0, 1.0), (0.5, 0.25)])
def test_a_dot_lies_where_its_band_is(said: float, right: float) -> None:
    drawn = reliability([Band(said, right, 10)], "one band")
    found = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert found
    assert (float(found[1]), float(found[2])) == pytest.approx((44 + 212 * said, 256 - 212 * right))
