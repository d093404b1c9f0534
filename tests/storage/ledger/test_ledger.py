"""The ledger: states, leases, retries, budgets, and books that balance."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import HostClosed, LedgerError
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Any) -> Iterator[Ledger]:
    where = tmp_path / "lake" if request.param == "sqlite" else request.getfixturevalue("new_database")()
    opened = Ledger.open(where, clock)
    yield opened
    opened.close()


def items(*names: str, host: str = "films.test") -> list[Item]:
    return [Item(name, host, f"https://{host}/{name}", request={"tags": ["x"]}) for name in names]


def finish(ledger: Ledger, worker: str, *names: str) -> None:
    ledger.open_commit("c-" + "".join(names), worker, {name: Finished("key", 1) for name in names})
    ledger.close_commit("c-" + "".join(names))


def test_the_same_item_twice_is_one(ledger: Ledger) -> None:
    assert ledger.ask(items("a", "b", "a")) == 2
    assert ledger.ask(items("a")) == 0
    assert ledger.books().as_dict() == {"asked": 2, "done": 0, "rejected": 0, "failed": 0, "pending": 2, "erased": 0}


def test_every_end_is_counted_once(ledger: Ledger) -> None:
    ledger.ask(items("a", "b", "c", "d"))
    claims = ledger.claim("w", limit=3)
    assert [claim.item.item_id for claim in claims] == ["a", "b", "c"]
    assert claims[0].item.request == {"tags": ["x"]}
    finish(ledger, "w", "a")
    ledger.reject("b", "w", "licence_unknown", evidence={"licence": None})
    ledger.fail("c", "w", "http_503", error_class="HTTPError", retry_in_s=60)
    books = ledger.books()
    assert (books.done, books.rejected, books.failed, books.pending, books.asked) == (1, 1, 1, 1, 4)
    assert books.balanced
    assert ledger.reasons() == {"licence_unknown": 1, "http_503": 1}
    assert ledger.entry("b").evidence == {"licence": None}
    assert ledger.entry("c").error_class == "HTTPError"


def test_a_failed_item_comes_back_when_it_is_due(ledger: Ledger, clock: Any) -> None:
    ledger.ask(items("a", "b"))
    ledger.claim("w", limit=2)
    ledger.fail("a", "w", "http_503", retry_in_s=60)
    ledger.fail("b", "w", "http_404")
    assert ledger.claim("w") == []
    assert ledger.next_due() == clock.now + 60
    clock.now += 61
    again = ledger.claim("w", limit=5)
    assert [(claim.item.item_id, claim.attempts) for claim in again] == [("a", 2)]
    assert ledger.ask(items("b"), retry_failed=True) == 1
    assert [claim.item.item_id for claim in ledger.claim("w")] == ["b"]


def test_a_dead_worker_s_items_come_back_and_its_late_result_is_refused(ledger: Ledger, clock: Any) -> None:
    ledger.ask(items("a"))
    ledger.claim("dead", lease_s=10)
    assert ledger.claim("w") == []
    clock.now += 5
    ledger.renew("dead", ["a"], lease_s=10)
    clock.now += 8
    assert ledger.claim("w") == []
    clock.now += 3
    assert [claim.attempts for claim in ledger.claim("w")] == [2]
    with pytest.raises(LedgerError, match="held by w"):
        ledger.reject("a", "dead", "late")
    with pytest.raises(LedgerError, match="held by w"):
        ledger.renew("dead", ["a"])


def test_interrupted_work_is_given_back_without_costing_a_try(ledger: Ledger) -> None:
    ledger.ask(items("a", "b"))
    ledger.claim("w", limit=2)
    assert ledger.release("w") == 2
    assert [claim.attempts for claim in ledger.claim("v", limit=2)] == [1, 1]


def test_another_recipe_makes_done_and_rejected_pending_again(ledger: Ledger) -> None:
    ledger.ask(items("a", "b"), recipe="r1")
    ledger.claim("w", limit=2)
    finish(ledger, "w", "a")
    ledger.reject("b", "w", "too_short")
    assert ledger.ask(items("a", "b"), recipe="r1") == 0
    assert ledger.ask(items("a", "b")) == 0
    assert ledger.ask(items("a", "b"), recipe="r2") == 2
    assert ledger.books().pending == 2


def test_an_item_of_an_open_commit_is_not_given_away(ledger: Ledger, clock: Any) -> None:
    ledger.ask(items("a"))
    ledger.claim("w", lease_s=10)
    ledger.open_commit("c", "w", {"a": Finished("key")})
    assert ledger.open_commits() == {}
    clock.now += 100
    assert ledger.claim("v") == []
    assert ledger.open_commits() == {"c": ["a"]}
    ledger.close_commit("c", done=False)
    assert [claim.item.item_id for claim in ledger.claim("v")] == ["a"]
    ledger.close_commit("c")
    assert ledger.books().done == 0


def test_hosts_are_paced_and_bans_are_kept(ledger: Ledger, clock: Any) -> None:
    ledger.ask([*items("a", host="slow.test"), *items("b", host="free.test")])
    ledger.hosts.limit("slow.test", interval_s=2.0, per_day=3)
    assert [ledger.hosts.admit("slow.test", 9) for _ in range(2)] == [0.0, 0.0]
    assert [ledger.hosts.slot("slow.test", 9) for _ in range(3)] == [0.0, 2.0, 2.0]
    clock.now += 1
    ledger.hosts.answered("slow.test")
    clock.now += 1.5
    assert ledger.hosts.slot("slow.test", 9) == 0.5
    assert ledger.hosts.admit("slow.test", 9) == 0.5
    clock.now += 0.5
    assert ledger.hosts.slot("slow.test", 9) == 0.0  # only items count for the day
    with pytest.raises(HostClosed) as full:
        ledger.hosts.admit("slow.test", 9)
    assert full.value.wait_s == 86_400 - clock.now % 86_400
    assert [claim.item.item_id for claim in ledger.claim("w", limit=5)] == ["b"]
    ledger.reject("b", "w", "seen")
    clock.now += 86_400
    assert ledger.hosts.budget("slow.test").spent == 0
    ledger.hosts.ban("slow.test", clock.now + 50)
    ledger.hosts.ban("slow.test", clock.now + 20)
    for take in (ledger.hosts.admit, ledger.hosts.slot):
        with pytest.raises(HostClosed) as banned:
            take("slow.test", 9)
        assert banned.value.wait_s == 50
    assert ledger.hosts.budget("slow.test").spent == 0
    assert ledger.hosts.admit("slow.test", 60) == 50
    assert ledger.claim("w") == []
    clock.now += 51
    assert [claim.item.item_id for claim in ledger.claim("w")] == ["a"]


def test_a_clock_that_was_wrong_shuts_no_host(ledger: Ledger, clock: Any) -> None:
    """Another machine whose clock is a month ahead took a slot; on this one the wait is an interval at most."""
    ledger.hosts.limit("slow.test", interval_s=2.0)
    clock.now += 30 * 86_400
    assert ledger.hosts.slot("slow.test", 9) == 0.0
    clock.now -= 30 * 86_400
    assert ledger.hosts.admit("slow.test", 9) == 2.0
    assert ledger.hosts.slot("slow.test", 9) == 2.0
    clock.now += 2
    assert ledger.hosts.slot("slow.test", 9) == 0.0
    clock.now += 30 * 86_400
    ledger.hosts.answered("slow.test")
    clock.now -= 30 * 86_400
    ledger.hosts.answered("slow.test")
    assert ledger.hosts.admit("slow.test", 9) == 2.0


def test_eight_threads_share_one_list(ledger: Ledger) -> None:
    ledger.ask(items(*(f"i{n:02d}" for n in range(40))))
    taken: Counter[str] = Counter()

    def work(name: str) -> None:
        own = Ledger(ledger.url, ledger.clock)
        while claims := own.claim(name, limit=3):
            for claim in claims:
                taken[claim.item.item_id] += 1
                own.reject(claim.item.item_id, name, "seen")
        own.close()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 40
    assert set(taken.values()) == {1}
    assert ledger.books().rejected == 40


def test_unknown_items_are_named(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="nobody-asked"):
        ledger.entry("nobody-asked")
