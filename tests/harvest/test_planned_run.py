"""A list is asked for once; any number of calls work on it, and each item is done once."""

from dataclasses import replace
from pathlib import Path

from harvest.config import HarvestConfig
from harvest.run import harvest, harvest_planned, plan, report_on
from harvest.smooth import SmoothingConfig
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile


def test_planned_items_are_done_once_by_two_calls(films: Path, config: HarvestConfig) -> None:
    (films / "list.txt").write_text("one.mp4\ntwo.mp4\nabsent.mp4\n")
    lake = Lake(films / "lake")
    planned = plan([films / "list.txt"], lake, config)
    assert [source.problem is None for source in planned.turn].count(False) == 1
    before = report_on(planned.asked, lake)
    assert (before.books.pending, before.books.failed) == (2, 1), "what cannot be read ends with the plan"
    ids = [source.item_id for source in planned.turn]
    first = harvest_planned(ids[:1], lake, config)
    assert (first.books.asked, first.books.done) == (1, 1)
    rest = harvest_planned(None, lake, config)
    assert (rest.books.asked, rest.books.done) == (1, 1)
    assert harvest_planned(ids, lake, config).books.asked == 0
    after = report_on(planned.asked, lake)
    assert (after.books.done, after.books.failed, after.tracklets) == (2, 1, 3)
    ledger = Ledger.open(lake.root)
    found = reconcile(lake, ledger)
    assert not found.problems
    assert not found.repaired


def test_items_of_another_recipe_are_left_to_their_own_workers(films: Path, config: HarvestConfig) -> None:
    lake = Lake(films / "lake")
    plan([films / "one.mp4"], lake, config)
    other = replace(config, label=replace(config.label, smoothing=SmoothingConfig(0.06)))
    assert harvest_planned(None, lake, other).books.asked == 0
    assert harvest([films / "one.mp4"], lake, config).books.done == 1
