"""Growth of a lake: announced once, trained on once, whatever becomes of events and trainings."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.fleet.growth import Growth, announce_growth, last_growth, take_up
from storage.example_rows import source_name, tracklet_row
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import rows_to_table


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def _add(lake: Lake, first: int, count: int = 1) -> float:
    """Add tracklets; the hours that the lake has now."""
    rows = [tracklet_row(source_name(first + i)) for i in range(count)]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return float(sum(lake.read("tracklets", ["seconds"]).column("seconds").to_pylist())) / 3600


def _trained(lake: Lake, hours: float) -> None:
    row = run_row("train", "one", datetime.now(UTC), {"lake_hours": hours}, command="", commit="")
    lake.append("runs", rows_to_table("runs", [row]))


def test_a_failing_training_is_not_started_again_each_night(lake: Lake) -> None:
    grow = _add(lake, 0) * 0.9
    sent: list[Growth] = []
    growth = announce_growth(lake, grow, sent.append)
    assert growth is not None
    assert take_up(lake, growth.version, "run a")  # and then it fails: no row of runs
    for _night in range(3):
        assert announce_growth(lake, grow, sent.append) is None
    _add(lake, 1)
    assert announce_growth(lake, grow, sent.append) is not None
    assert len(sent) == 2


def test_a_lost_event_is_sent_again_by_the_next_harvest(lake: Lake) -> None:
    grow = _add(lake, 0) * 0.9
    sent: list[Growth] = []
    announce_growth(lake, grow, sent.append)
    announce_growth(lake, grow, sent.append)
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_a_doubled_or_late_event_trains_nothing(lake: Lake) -> None:
    grow = _add(lake, 0) * 0.9
    growth = announce_growth(lake, grow, lambda _: None)
    assert growth is not None
    assert take_up(lake, growth.version, "run a")
    assert take_up(lake, growth.version, "run a"), "its own retry goes on"
    assert not take_up(lake, growth.version, "run b")
    assert not take_up(lake, growth.version - 1, "run c")
    assert take_up(lake, growth.version + 1, "run d")


def test_after_a_training_only_new_hours_count(lake: Lake) -> None:
    hours = _add(lake, 0)
    _trained(lake, hours)
    assert announce_growth(lake, hours * 0.9, lambda _: None) is None
    _add(lake, 1)
    assert announce_growth(lake, hours * 0.9, lambda _: None) is not None


def test_an_event_of_a_harvest_without_marks_is_taken_up(lake: Lake) -> None:
    """Lakes of before have no mark, and a mark that a stranger broke counts as none."""
    _add(lake, 0)
    assert last_growth(lake) is None
    assert take_up(lake, 0, "run a")
    (Path(lake.root) / "fleet" / "growth.json").write_text("{")
    assert last_growth(lake) is None
    assert take_up(lake, 0, "run b")


def test_last_digits_are_no_growth_and_no_shrinking(lake: Lake) -> None:
    hours = _add(lake, 0)
    _trained(lake, hours * (1 + 1e-12))
    assert announce_growth(lake, 0.0, lambda _: None) is not None
    assert announce_growth(lake, 1e-3, lambda _: None) is None


def test_an_empty_lake_has_not_grown(lake: Lake) -> None:
    assert announce_growth(lake, 0.0, lambda _: None) is None
