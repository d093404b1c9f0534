"""Where the tables go: a row of the lake that the page reads, and a Markdown page below its marker."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.panels.labels import newest_parts
from dashboard.view import read_view
from evaluation.label_quality.table import Table, from_rows
from flows.label_quality.bench import MeasureConfig
from flows.label_quality.derived import CUT_OFF, FROZEN, STILL
from flows.label_quality.films import KIND_WORDS
from flows.label_quality.kept import MARK, keep, newest, write_page
from flows.label_quality.measure import measure
from harvest.weights import files as weights
from storage.lake import Lake

TABLE = from_rows("e", "Errors", "A note.", {"one": {"mean": 0.25}}, of="film", bar="mean")


def test_the_page_of_a_lake_has_the_newest_of_each_part(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    keep("shots", [TABLE], lake, MeasureConfig(), "later part", 1_500.0)
    keep("errors", [replace(TABLE, title="Old")], lake, MeasureConfig(), "old", 1_000.0)
    keep("errors", [TABLE], lake, MeasureConfig(real=Path("x")), "new", 2_000.0)
    assert [(part.name, part.command, part.tables[0].title) for part in newest(lake)] == [
        ("errors", "new", "Errors"), ("shots", "later part", "Errors"),
    ]  # fmt: skip
    shown = newest_parts(read_view(lake))
    assert [part.run["command"] for part in shown] == ["new", "later part"]
    assert (list(shown[0].tables[0].columns), shown[0].tables[0].rows) == (["film", "mean"], [["one", 0.25]])


def test_what_people_wrote_above_the_marker_stays(tmp_path: Path) -> None:
    page, lake = tmp_path / "labels.md", Lake(tmp_path / "lake")
    keep("errors", [TABLE], lake, MeasureConfig(), "hmmr harvest measure --films 2", 1_000.0)
    write_page(newest(lake), page)
    page.write_text(page.read_text().replace("# What", "# Our own\n\nWhat"))
    write_page(newest(lake), page)
    text = page.read_text()
    assert text.startswith("# Our own")
    assert text.count(MARK) == 1
    assert text.count("## Errors") == 1
    assert "--films 2" in text
    assert "| one | 0.2500 |" in text


def _tables(config: MeasureConfig, out: Path, parts: tuple[str, ...]) -> list[Table]:
    measured = dict(measure(config, out, lambda what, done, total: None, parts))
    assert tuple(measured) == parts
    return [table for tables in measured.values() for table in tables]


@pytest.mark.slow
def test_measured_twice_is_the_same_and_asks_no_network_again(tmp_path: Path) -> None:
    """The smallest world there is, with the real networks."""
    weights.fetch()
    config, parts = (
        MeasureConfig(films=1, seconds=1.0),
        ("errors", "tracking", "filters", "scores", "smoothing", "noise"),
    )
    first = _tables(config, tmp_path, parts)
    found = {table.key: table for table in first}
    assert list(found) == [
        "end_to_end", "joints", "tracking", "filters", "filters_kinds", "calibration", "reliability_raw",
        "reliability_calibrated", "smoothing", "noise",
    ]  # fmt: skip
    kinds = [row[0] for row in found["end_to_end"].rows]
    assert {"one person", "four people who cross", CUT_OFF, FROZEN, STILL, "all"} <= set(kinds)
    everybody = dict(zip(found["end_to_end"].columns, found["end_to_end"].rows[-1], strict=True))
    assert 0 < float(str(everybody["median"])) < 0.1
    answers = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("stages/*")}
    assert answers
    shutil.rmtree(tmp_path / "labels")
    assert _tables(config, tmp_path, parts) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("stages/*")} == answers


@pytest.mark.slow
def test_conditions_are_measured_and_what_is_no_whole_person_apart(tmp_path: Path) -> None:
    weights.fetch()
    people, not_whole = _tables(MeasureConfig(films=1, seconds=0.9), tmp_path, ("conditions",))
    assert people.rows[-1][0] == "all"
    assert {"motion blur", "low light", "4K", "black bars"} <= {row[0] for row in people.rows}
    assert not {row[0] for row in people.rows} & {KIND_WORDS["face"], KIND_WORDS["closeup"]}
    shares = dict(zip([row[0] for row in not_whole.rows], [row[-1] for row in not_whole.rows], strict=True))
    assert {KIND_WORDS["face"], KIND_WORDS["closeup"]} <= shares.keys()
    assert all(isinstance(share, float | int) and 0 <= share <= 1 for share in shares.values())
