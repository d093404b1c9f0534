"""Rows added to items that are done: each once, whatever interrupts, overtakes or erases; items stay as they are."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from storage.commit import add_rows, commit_shard, resume, settle_open_commits
from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import CommitAborted
from storage.example_rows import feature_row, shard, source_name
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.tables import rows_to_table

SOURCES = [source_name(i) for i in range(3)]


@pytest.fixture
def lake(home: Any) -> Lake:
    return Lake(home.root)


@pytest.fixture
def ledger(lake: Lake) -> Ledger:
    ledger = Ledger.open(lake.root)
    ledger.ask(Item(source, "films.test") for source in SOURCES)
    ledger.claim("w", limit=3)
    commit_shard(lake, ledger, "w", shard(SOURCES), {source: Finished("k1", 2) for source in SOURCES})
    return ledger


def _other_phi(lake: Lake) -> pa.Table:
    tracklets = lake.read("tracklets").to_pylist()
    return rows_to_table("features", [feature_row(row, phi_name="other") for row in tracklets])


def _lacking(lake: Lake, rows: pa.Table) -> pa.Table:
    there = lake.read("features", ["tracklet_id"], pc.field("phi_name") == "other")["tracklet_id"]
    return rows.filter(pc.invert(pc.is_in(rows["tracklet_id"], value_set=there.combine_chunks())))


def _others(lake: Lake) -> int:
    return int(lake.read("features", ["phi_name"], pc.field("phi_name") == "other").num_rows)


def _add(lake: Lake, ledger: Ledger, **more: Any) -> int:
    rows = _other_phi(lake)
    return int(add_rows(lake, ledger, "w", "features", rows, lambda rows: _lacking(lake, rows), **more).num_rows)


def _is_sound(lake: Lake, ledger: Ledger, items: int = 3) -> None:
    assert ledger.books().done == items
    assert ledger.open_commits(older_than_lease=False) == {}
    findings = reconcile(lake, ledger)
    assert (findings.problems, findings.repaired) == ([], [])


def test_rows_go_in_once(lake: Lake, ledger: Ledger) -> None:
    assert _add(lake, ledger) == 6
    assert _add(lake, ledger) == 0
    assert _others(lake) == 6
    _is_sound(lake, ledger)


@pytest.mark.parametrize("point", ["opened", "features", "tracklets"])
def test_an_interruption_leaves_all_or_nothing(lake: Lake, ledger: Ledger, point: str) -> None:
    def die(step: str) -> None:
        if step == point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _add(lake, ledger, between=die)
    assert _others(lake) == (6 if point == "tracklets" else 0)
    resume(lake, ledger)  # its lease has not run out: nobody settles it yet
    assert len(ledger.open_commits(older_than_lease=False)) == 1
    settle_open_commits(lake, ledger, force=True)
    _is_sound(lake, ledger)
    assert _add(lake, ledger) == (0 if point == "tracklets" else 6)
    assert _others(lake) == 6
    _is_sound(lake, ledger)


def test_two_runs_at_once_add_each_row_once(lake: Lake, ledger: Ledger) -> None:
    def other_run(step: str) -> None:
        if step == "opened":
            assert _add(lake, ledger) == 0  # all items are in the first run's commit

    assert _add(lake, ledger, between=other_run) == 6
    assert _others(lake) == 6
    _is_sound(lake, ledger)


def test_an_erasure_in_mid_commit_wins(lake: Lake, ledger: Ledger) -> None:
    def erased(step: str) -> None:
        if step == "features":
            erase(lake, ledger, Target(sources=(SOURCES[1],)))

    with pytest.raises(CommitAborted):
        _add(lake, ledger, between=erased)
    assert _others(lake) == 0
    assert _add(lake, ledger) == 4
    assert SOURCES[1] not in lake.read("features")["source_id"].to_pylist()
    _is_sound(lake, ledger, items=2)


def test_an_item_that_is_asked_for_again_gets_no_rows_and_stays_pending(lake: Lake, ledger: Ledger) -> None:
    def ask(step: str) -> None:
        if step == "opened":
            ledger.ask([Item(SOURCES[2], "films.test")], recipe="another")

    ledger.ask([Item(SOURCES[0], "films.test")], recipe="another")
    assert _add(lake, ledger, between=ask) == 4
    assert (ledger.books().done, ledger.books().pending) == (1, 2)
    assert [claim.item.item_id for claim in ledger.claim("other", limit=5)] == sorted([SOURCES[0], SOURCES[2]])
