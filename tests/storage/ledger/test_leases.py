"""Plans, leases and beats: who works on what, and what comes back from the dead."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.commit import scratch_folder
from storage.ledger.items import Finished, Item
from storage.ledger.leases import LEASE_S
from storage.ledger.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Any) -> Iterator[Ledger]:
    where = tmp_path / "lake" if request.param == "sqlite" else request.getfixturevalue("new_database")()
    opened = Ledger.open(where, clock)
    yield opened
    opened.close()


def claimed(ledger: Ledger, worker: str, limit: int = 1) -> list[str]:
    return [claim.item.item_id for claim in ledger.claim(worker, limit, plan=worker)]


def test_a_plan_is_worked_on_in_its_own_order(ledger: Ledger) -> None:
    ledger.ask(Item(name, "films.test") for name in "abcdef")
    ledger.leases.plan("w", list("fbad"))
    assert claimed(ledger, "w") == ["f"]
    assert claimed(ledger, "w", 9) == ["b", "a", "d"]
    assert claimed(ledger, "w", 9) == [], "c and e are on nobody's plan"


def test_what_another_run_ends_leaves_the_plan_and_what_it_holds_is_counted(ledger: Ledger, clock: Any) -> None:
    ledger.ask(Item(name, "films.test") for name in "abcd")
    for name in ("v", "w"):
        ledger.leases.plan(name, list("abcd"))
    assert claimed(ledger, "v", 2) == ["a", "b"]
    assert ledger.leases.held_by_others("w", "w") == 2
    assert claimed(ledger, "w", 9) == ["c", "d"]
    ledger.open_commit("one", "v", {"a": Finished("k")})
    ledger.close_commit("one")
    assert ledger.leases.held_by_others("w", "w") == 1
    clock.now += LEASE_S + 1
    assert claimed(ledger, "w", 9) == ["b"], "v has not beaten for a lease: what it held comes back"
    assert ledger.leases.held_by_others("w", "w") == 0


def test_beats_keep_everything_that_a_worker_holds(ledger: Ledger, clock: Any) -> None:
    ledger.ask(Item(name, "films.test") for name in "ab")
    ledger.leases.plan("v", ["a", "b"])
    ledger.leases.plan("w", ["a", "b"])
    claimed(ledger, "v", 2)
    ledger.open_commit("c", "v", {"a": Finished("k")})
    for _ in range(5):
        clock.now += LEASE_S - 1
        ledger.leases.beat("v")
        assert claimed(ledger, "w") == []
        assert ledger.open_commits() == {}
    clock.now += LEASE_S + 1
    assert claimed(ledger, "w", 9) == ["b"]
    assert ledger.open_commits() == {"c": ["a"]}


def test_a_later_try_goes_to_the_end_of_the_plan(ledger: Ledger, clock: Any) -> None:
    ledger.ask(Item(name, "films.test") for name in "abc")
    ledger.leases.plan("w", list("abc"))
    claimed(ledger, "w")
    ledger.fail("a", "w", "http_503", retry_in_s=5)
    ledger.leases.want_again("w", "a")
    clock.now += 6
    assert claimed(ledger, "w", 9) == ["b", "c", "a"]


def test_a_thread_beats(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    ledger.ask([Item("a", "films.test")])
    with ledger.leases.beating("v", lease_s=0.5):
        ledger.claim("v", lease_s=0.5)
        time.sleep(1.2)
        assert ledger.leases.alive() == {"v"}
        assert ledger.claim("w") == [], "held for more than two leases"
    assert ledger.leases.alive() == set()
    ledger.close()


def test_a_row_that_cannot_be_read_costs_one_item(ledger: Ledger) -> None:
    from sqlalchemy import update

    from storage.ledger.tables import ITEMS

    ledger.ask(Item(name, "films.test") for name in "abc")
    with ledger.engine.begin() as connection:
        connection.execute(update(ITEMS).where(ITEMS.c.item_id == "a").values(request="{"))
    assert [claim.item.item_id for claim in ledger.claim("w", limit=3)] == ["b", "c"]
    assert ledger.entry("a").reason == "damaged_row"
    assert len(ledger.entries()) == 3


def test_each_run_has_a_scratch_folder_and_sweeps_those_of_the_dead(ledger: Ledger, clock: Any, tmp_path: Path) -> None:
    base = tmp_path / "downloads"
    folders = {}
    for worker in ("host:1:aa", "host:1:bb"):
        ledger.leases.beat(worker)
        folders[worker] = scratch_folder(ledger, worker, base)
        (folders[worker] / "part").write_text("x")
    assert len({*folders.values()}) == 2
    other = Ledger.open(tmp_path / "other", clock)
    stranger = scratch_folder(other, "host:1:cc", base)
    clock.now += LEASE_S + 1
    ledger.leases.beat("host:1:aa")
    scratch_folder(ledger, "host:1:dd", base)
    assert folders["host:1:aa"].exists()
    assert not folders["host:1:bb"].exists(), "its worker has not beaten for a lease"
    assert stranger.exists(), "another ledger's workers are not ours to judge"
    other.close()
