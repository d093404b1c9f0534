"""Reconcile: what was cut is mended, what is wrong is said; wherever lake and ledger lie."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from sqlalchemy import update

from storage.commit import ORDER, commit_shard
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.ledger.tables import ITEMS
from storage.reconcile import reconcile
from storage.rewrite import delete_rows
from storage.schema import TABLES
from storage.snapshot import freeze

SOURCES = [source_name(i) for i in range(2)]
FINISHED = {source: Finished("k1", 2) for source in SOURCES}


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def lake(home: Any) -> Lake:
    return Lake(home.root)


@pytest.fixture
def ledger(lake: Lake, clock: Any) -> Ledger:
    ledger = Ledger.open(lake.root, clock)
    ledger.ask(Item(source, "films.test") for source in SOURCES)
    ledger.claim("w", limit=2, lease_s=10)
    return ledger


def rows(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(map(repr, lake.read(name).to_pylist())) for name in TABLES}


POINTS = ("opened", *ORDER, "closed")
CUTS = [*(("local", point) for point in POINTS), *((h, point) for h in ("s3", "postgres") for point in POINTS[1::3])]
"""A cut on a server takes a second or two: every third."""
LOCAL = pytest.mark.parametrize("home", ["local"], indirect=True)
"""For what does not depend on where the lake lies."""


@pytest.mark.parametrize(("home", "point"), CUTS, indirect=["home"])
def test_a_commit_that_was_cut_ends_whole_or_not_at_all(
    lake: Lake, ledger: Ledger, clock: Any, tmp_path: Path, point: str
) -> None:
    whole = Lake(tmp_path / "whole")
    for name, table in shard(SOURCES).items():
        whole.append(name, table)

    def kill(reached: str) -> None:
        if reached == point:
            raise Killed

    with pytest.raises(Killed):
        commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED, between=kill)
    if point not in ("tracklets", "closed"):
        assert all(lake.read(name).num_rows == 0 for name in TABLES), "a reader saw half of a commit"
    assert reconcile(lake, ledger).repaired == []
    clock.now += 11
    found = reconcile(lake, ledger)
    assert found.problems == []
    assert bool(found.repaired) == (point != "closed")
    if point in ("tracklets", "closed"):
        assert ledger.books().done == 2
    else:
        assert ledger.books().pending == 2
        assert all(lake.read(name).num_rows == 0 for name in TABLES)
        assert len(ledger.claim("v", limit=2)) == 2
        commit_shard(lake, ledger, "v", shard(SOURCES), FINISHED)
    assert rows(lake) == rows(whole)
    again = reconcile(lake, ledger)
    assert (again.repaired, again.problems) == ([], [])


def test_an_unfinished_commit_of_a_lost_ledger_is_removed(lake: Lake, ledger: Ledger, tmp_path: Path) -> None:
    def kill(reached: str) -> None:
        if reached == "videos":
            raise Killed

    with pytest.raises(Killed):
        commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED, between=kill)
    other = Ledger(f"sqlite:///{tmp_path}/another.sqlite")
    assert len(reconcile(lake, other, repair=False).problems) == 4
    assert len(reconcile(lake, other).repaired) == 4
    assert reconcile(lake, other).repaired == []
    files = lake.disk.files(lake.root)
    assert [path for path in files if path.endswith(".parquet") and "_delta_log" not in path] == []


@LOCAL
def test_lost_rows_are_harvested_again_and_a_snapshot_says_so(lake: Lake, ledger: Ledger) -> None:
    commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED)
    freeze(lake)
    delete_rows(lake, "tracklets", pc.field("source_id") == SOURCES[0])
    found = reconcile(lake, ledger)
    assert [text for text in found.problems if "snapshot" in text]
    assert ledger.books().pending == 1
    assert lake.dataset("features").count_rows() == 2  # type: ignore[union-attr]


@LOCAL
def test_doubles_and_wrong_counts_are_problems(lake: Lake, ledger: Ledger) -> None:
    commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED)
    lake.append("tracklets", shard(SOURCES[:1])["tracklets"])
    problems = reconcile(lake, ledger).problems
    assert any("the ledger says 2 tracklets, the lake 4" in text for text in problems)
    assert sum("is there 2 times" in text for text in problems) == 2


@LOCAL
def test_without_repair_nothing_changes(lake: Lake, ledger: Ledger) -> None:
    lake.append("features", shard(SOURCES)["features"])
    found = reconcile(lake, ledger, repair=False)
    assert found.problems == ["features: rows of 4 tracklets that do not exist"]
    assert lake.dataset("features").count_rows() == 4  # type: ignore[union-attr]


def test_a_missing_file_and_a_tampered_ledger_are_problems(lake: Lake, ledger: Ledger) -> None:
    commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED)
    with ledger.engine.begin() as connection:
        connection.execute(update(ITEMS).where(ITEMS.c.item_id == SOURCES[0]).values(state="rejected"))
    problems = reconcile(lake, ledger).problems
    assert problems == [f"ledger: {SOURCES[0]} is rejected, its events say done"]
    lake.disk.delete(next(path for path in lake.disk.files(lake.layout.table("shots")) if path.endswith(".parquet")))
    assert any("is missing" in text for text in reconcile(lake, ledger).problems)


@LOCAL
def test_equal_contents_at_two_addresses_are_a_problem(lake: Lake, ledger: Ledger) -> None:
    """Two machines kept the same bytes, before the ledger held contents to be unique."""
    tables = shard(SOURCES)
    place = tables["videos"].schema.get_field_index("content_sha256")
    same = tables["videos"].set_column(place, tables["videos"].schema.field(place), [["ab" * 32] * 2])
    commit_shard(lake, ledger, "w", {**tables, "videos": same}, FINISHED)
    (problem,) = reconcile(lake, ledger).problems
    assert problem.startswith(f"{max(SOURCES)} has the same bytes as {min(SOURCES)}")
