"""Copies are known to all runs of a ledger: each content once, and pictures that look alike."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.commit import resume
from storage.erase.names import Target
from storage.erase.run import erase
from storage.erase.search import search
from storage.example_rows import shard, source_name, video_row
from storage.lake import Lake
from storage.ledger.content import SAME_BITS
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.ledger.tables import BY_ITEM
from storage.tables import rows_to_table


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Any) -> Iterator[Ledger]:
    where = tmp_path / "lake" if request.param == "sqlite" else request.getfixturevalue("new_database")()
    opened = Ledger.open(where, clock)
    yield opened
    opened.close()


def prints(seed: int, count: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**63), 2**63, count)


def changed(fingerprints: np.ndarray, bits: int, seed: int = 0) -> list[int]:
    """The same pictures with so many random bits of each flipped."""
    random = np.random.default_rng(seed)
    made = []
    for value in fingerprints:
        flips = sum(1 << int(bit) for bit in random.choice(64, bits, replace=False))
        made.append(int(np.uint64(int(value) % 2**64 ^ flips).astype(np.int64)))
    return made


def test_the_first_to_have_a_content_keeps_it(ledger: Ledger) -> None:
    assert ledger.copies.keep("a", "content", list(prints(1))) is None
    assert ledger.copies.keep("a", "content", list(prints(1))) is None, "the same item again is no copy of itself"
    assert ledger.copies.keep("b", "content", []) == "a"
    assert ledger.copies.keep("b", "another", list(prints(2))) is None


@pytest.mark.parametrize("bits", [0, 2, SAME_BITS])
def test_pictures_that_look_alike_are_found_by_their_bands(ledger: Ledger, bits: int) -> None:
    for number in range(5):
        ledger.copies.keep(f"v{number}", f"c{number}", list(prints(number)))
    copy = changed(prints(3)[5:17], bits)
    assert ledger.copies.original_of("copy", "other bytes", copy) == "v3"
    half_new = [*changed(prints(3)[:5], bits), *map(int, prints(99, 6))]
    assert ledger.copies.original_of("copy", "other bytes", half_new) is None, "less than half is no copy"
    assert ledger.copies.original_of("copy", "other bytes", changed(prints(3), 20)) is None
    assert ledger.copies.original_of("copy", "other bytes", list(prints(3))[:3]) is None, "too few to tell"


def test_two_runs_at_the_same_moment_keep_one(ledger: Ledger) -> None:
    said: dict[str, str | None] = {}
    start = threading.Barrier(6)

    def keep(name: str, content: str, fingerprints: list[int]) -> None:
        own = Ledger(ledger.url, ledger.clock)
        start.wait()
        said[name] = own.copies.keep(name, content, fingerprints)
        own.close()

    jobs = [(f"same{n}", "one content", []) for n in range(3)]
    jobs += [(f"alike{n}", f"content {n}", changed(prints(7), 1, n)) for n in range(3)]
    threads = [threading.Thread(target=keep, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(said[f"same{n}"] is None for n in range(3)) == 1
    assert sum(said[f"alike{n}"] is None for n in range(3)) == 1


def test_an_item_that_keeps_nothing_is_no_original(ledger: Ledger) -> None:
    ledger.ask([Item("a", "films.test")])
    ledger.claim("w")
    ledger.copies.keep("a", "content", list(prints(1)))
    ledger.reject("a", "w", "no_person")
    assert ledger.copies.keep("b", "content", list(prints(1))) is None


@pytest.mark.parametrize("home", ["local", "postgres"], indirect=True)
def test_an_erasure_leaves_nothing_of_the_item_in_any_table(home: Any) -> None:
    lake, ledger = Lake(home.root), Ledger.open(home.root)
    source, content = source_name(0), str(video_row(source_name(0))["content_sha256"])
    lake.append("videos", shard([source])["videos"])
    lake.append("tracklets", shard([source])["tracklets"])
    ledger.ask([Item(source, "films.test")])
    ledger.leases.plan("p", [source])
    ledger.claim("w")
    ledger.copies.keep(source, content, list(prints(1)))
    ledger.open_commit("c", "w", {source: Finished("k1", 2)})
    ledger.close_commit("c")
    ledger.leases.plan("p", [source])
    with ledger.engine.begin() as connection:
        assert all(connection.execute(table.select()).first() is not None for table in BY_ITEM)
    erase(lake, ledger, Target(sources=(source,)))
    with ledger.engine.begin() as connection:
        assert all(connection.execute(table.select()).first() is None for table in BY_ITEM)
    ledger.close()


def test_the_likeness_of_what_was_erased_is_known_only_if_that_was_asked_for(tmp_path: Path) -> None:
    lake, ledger = Lake(tmp_path), Ledger.open(tmp_path)
    pictures = {source_name(n): prints(n, 12) for n in range(2)}
    for source, fingerprints in pictures.items():
        row = video_row(source, fingerprints=list(map(int, fingerprints)))
        lake.append("videos", rows_to_table("videos", [row]))
    plain, asked = (
        erase(lake, ledger, Target(sources=(source,)), likeness=likeness)
        for source, likeness in ((source_name(0), False), (source_name(1), True))
    )
    assert (plain.likeness, asked.likeness) == (0, 12)
    assert not ledger.tombstones.resembles(changed(pictures[source_name(0)], 1))
    assert ledger.tombstones.resembles(changed(pictures[source_name(1)], 1))
    assert ledger.tombstones.resembles([*changed(pictures[source_name(1)][:4], 2), *map(int, prints(77, 4))])
    assert not ledger.tombstones.resembles(list(map(int, prints(78, 30))))
    assert not ledger.tombstones.resembles(changed(pictures[source_name(1)][:3], 0)), "too few to tell"
    words = "".join(str(value) for fingerprints in pictures.values() for value in fingerprints[:1])
    assert search(tmp_path, [words]) == []
    ledger.close()


def test_a_ledger_that_knew_no_contents_learns_them_from_its_lake(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for name, table in shard([source_name(0)]).items():
        lake.append(name, table)
    ledger = Ledger.open(lake.root)
    resume(lake, ledger)
    content = str(video_row(source_name(0))["content_sha256"])
    assert ledger.copies.keep("b", content, []) == source_name(0)
    assert ledger.labels.among({(source_name(0), "k1"), (source_name(0), "k2")}) == {(source_name(0), "k1")}
    ledger.close()
