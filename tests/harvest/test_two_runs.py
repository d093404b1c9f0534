"""Several runs on one ledger: what one holds the other waits for, and what a dead one held comes back."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harvest.config import HarvestConfig
from harvest.run import HarvestReport, harvest
from harvest.sources.expand import expand, to_item
from storage.commit import commit_shard
from storage.example_rows import shard
from storage.lake import Lake
from storage.ledger.items import Finished
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile


def _held_by_a_dead_run(films: Path, lake: Lake, lease_s: float) -> Ledger:
    ledger = Ledger.open(lake.root)
    ledger.ask(to_item(source) for source in expand([films / "one.mp4", films / "two.mp4"]))
    (source,) = expand([films / "one.mp4"])
    ledger.claim("dead", lease_s=lease_s, only=[source.item_id])
    return ledger


def test_a_run_waits_for_the_lease_of_a_dead_run(films: Path, config: HarvestConfig) -> None:
    lake = Lake(films / "lake")
    ledger = _held_by_a_dead_run(films, lake, lease_s=20.0)
    report = harvest([films / "one.mp4", films / "two.mp4"], lake, config)
    assert (report.books.done, report.books.pending) == (2, 0)
    assert lake.read("videos").num_rows == 2
    assert ledger.leases.alive() == set()
    ledger.close()


def test_a_run_that_does_not_wait_leaves_it_pending(films: Path, config: HarvestConfig) -> None:
    lake = Lake(films / "lake")
    ledger = _held_by_a_dead_run(films, lake, lease_s=3600.0)
    report = harvest([films / "one.mp4", films / "two.mp4"], lake, replace(config, wait_for_others=False))
    assert (report.books.done, report.books.pending) == (1, 1)
    ledger.close()


def test_a_commit_that_a_dead_run_left_open_is_settled_while_waiting(films: Path, config: HarvestConfig) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def kill(point: str) -> None:
        if point == "videos":
            raise Killed

    lake = Lake(films / "lake")
    ledger = _held_by_a_dead_run(films, lake, lease_s=15.0)
    (source,) = expand([films / "one.mp4"])
    with contextlib.suppress(Killed):
        commit_shard(lake, ledger, "dead", shard([source.item_id]), {source.item_id: Finished("k", 2)}, between=kill)
    report = harvest([films / "one.mp4", films / "two.mp4"], lake, config)
    assert (report.books.done, report.books.pending) == (2, 0)
    assert reconcile(lake, ledger).problems == []
    ledger.close()


def test_two_runs_with_one_list_do_each_item_once(films: Path, config: HarvestConfig) -> None:
    lake, reports = Lake(films / "lake"), list[HarvestReport]()
    sources = [films / "one.mp4", films / "two.mp4"]

    def run(order: list[Path]) -> None:
        reports.append(harvest(order, Lake(lake.root), replace(config, workers=1)))

    runs = [threading.Thread(target=run, args=(order,)) for order in (sources, sources[::-1])]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert [(report.books.done, report.books.pending) for report in reports] == [(2, 0)] * 2
    assert lake.read("videos").num_rows == 2
    ledger = Ledger.open(lake.root)
    found = reconcile(lake, ledger)
    assert (found.problems, found.repaired) == ([], [])
    with ledger.engine.connect() as connection:
        from storage.ledger.tables import EVENTS

        claims = [row for row in connection.execute(EVENTS.select()).all() if row.reason == "claimed"]
    assert len(claims) == 2, "nothing was computed twice"
    ledger.close()


def test_labelling_with_a_cache_makes_no_temporary_folder(
    films: Path, config: HarvestConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed would leave it behind, empty."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    seen: set[str] = set()
    lake = Lake(films / "lake")
    harvest([films / "one.mp4"], lake, config, lambda _: seen.update(path.name for path in made.glob("hmmr-label-*")))
    assert seen == set()
    assert lake.read("videos").num_rows == 1
