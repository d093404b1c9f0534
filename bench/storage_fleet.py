"""What many runs ask of one ledger and one lake, at the size of a million items and ten thousand commits.

    python bench/storage_fleet.py ledger --items 1000000 [--url postgresql://...]
    python bench/storage_fleet.py copies --videos 1000000 --prints 4 [--url postgresql://...]
    python bench/storage_fleet.py lake --commits 10000 --folder out/bench      # goes on where it was
    python bench/storage_fleet.py lake --commits 10000 --folder out/bulk --bulk 9800   # the first 9,800 at once

Each prints one line a step: its name and the median and the largest time in ms, of --repeats calls. The ledger is
filled by bulk inserts of the rows that the steps would have left; 90 % of the items are done. The lake is filled by
real commits of one video each, all tables, and then read by a new process. With --bulk the first ones are written as
commits and the joining of their files leave them: their marks in each log, their rows in files of 500 videos.
A part whose tables are filled already (--url) is not filled again.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from deltalake import CommitProperties, Transaction
from sqlalchemy import select, text

from storage.commit import ORDER, commit_shard, maintain
from storage.delta import DONE, shard_of
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.ledger.database import insert_new
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.ledger.tables import CONTENTS, ITEMS, SIGHT_BANDS, SIGHTS, WANTED

_BATCH = 20_000


def main() -> None:
    """Run one part and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["ledger", "copies", "lake", "read"])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--videos", type=int, default=1_000_000)
    parser.add_argument("--prints", type=int, default=4, help="fingerprints a video")
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--bulk", type=int, default=0, help="commits that are written at once")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--url", help="SQLAlchemy URL of an empty database; a temporary SQLite file if not given")
    parser.add_argument("--folder", type=Path, default=Path("out/bench"))
    asked = parser.parse_args()
    if asked.part == "lake":
        bench_lake(asked.folder.absolute(), asked.commits, asked.repeats, asked.bulk)
    elif asked.part == "read":
        read_once(asked.folder.absolute())
    else:
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(asked.url or f"sqlite:///{folder}/ledger.sqlite")
            _note_server(ledger)
            if asked.part == "ledger":
                bench_ledger(ledger, asked.items, asked.repeats)
            else:
                bench_copies(ledger, asked.videos, asked.prints, asked.repeats)
            ledger.close()


def _name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _timed(what: str, step: Callable[[int], object], repeats: int, per: int = 1) -> None:
    spent, began_here, began_there = [], time.process_time(), _server_cpu_s()
    for number in range(repeats):
        began = time.perf_counter()
        step(number)
        spent.append((time.perf_counter() - began) * 1000 / per)
    here = (time.process_time() - began_here) * 1000 / per / repeats
    there = (_server_cpu_s() - began_there) * 1000 / per / repeats
    cpu = f"CPU {here:.3f} here and {there:.3f} ms in PostgreSQL"
    print(f"{what:50s} median {statistics.median(spent):8.3f} ms, largest {max(spent):8.3f} ms, {cpu}", flush=True)


_SERVERS: list[int] = []
"""Process id of the PostgreSQL backend that answers this process, if it runs on this machine."""


def _server_cpu_s() -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in _SERVERS]
    return sum(int(parts[11]) + int(parts[12]) for parts in stats) / os.sysconf("SC_CLK_TCK")


def _note_server(ledger: Ledger) -> None:
    if ledger.database.is_postgres:
        with ledger.engine.connect() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        _SERVERS.extend([pid] if Path(f"/proc/{pid}/stat").exists() else [])


def _fill(ledger: Ledger, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    with ledger.engine.begin() as connection:
        if connection.execute(select(table).limit(1)).first() is not None:
            return
        for row in rows:
            batch.append(row)
            if len(batch) == _BATCH:
                insert_new(connection, table, batch)
                batch = []
        insert_new(connection, table, batch)
        connection.execute(text(f"ANALYZE {table.name}"))


def bench_ledger(ledger: Ledger, items: int, repeats: int) -> None:
    """Claims and asking, with 90 % of the items done by others."""
    plain = {"url": None, "host": "films.test", "uploader": None, "request": "{}", "attempts": 0, "recipe": "r"}
    _fill(ledger, ITEMS, ({"item_id": _name(n), "state": "pending" if n % 10 == 0 else "done", "tracklets": 0,
                           "changed_at": float(n), **plain} for n in range(items)))  # fmt: skip
    _fill(ledger, WANTED, ({"plan": "w", "place": n, "item_id": _name(n)} for n in range(0, items, 10)))
    print(f"{items} items, 90 % done, on {ledger.engine.dialect.name}")
    _timed("claim one of a plan", lambda _: ledger.claim("w", plan="w"), repeats)
    _timed("claim one of all", lambda _: ledger.claim("v"), repeats)
    _timed("beat of a run that holds them", lambda _: ledger.leases.beat("w"), repeats)
    _timed("look for what others hold", lambda _: ledger.leases.held_by_others("w", "w"), 5)
    new = [[Item(_name(items + 5000 * turn + n), "films.test") for n in range(5000)] for turn in range(4)]
    _timed("ask, an item of 5,000 new ones", lambda n: ledger.ask(new[n], recipe="r"), 4, per=5000)
    _timed("ask again, an item of 5,000", lambda n: ledger.ask(new[n], recipe="r"), 4, per=5000)
    old = [[Item(_name(50_000 * turn + n), "films.test") for n in range(5000)] for turn in range(4)]
    _timed("ask by another recipe, an item of 5,000 (90 % done)", lambda n: ledger.ask(old[n], recipe="s"), 4, per=5000)
    claims = [claim.item.item_id for claim in ledger.claim("x", limit=repeats)]
    _timed("end an item", lambda n: ledger.reject(claims[n], "x", "seen"), repeats)


def bench_copies(ledger: Ledger, videos: int, prints: int, repeats: int) -> None:
    """Is this video there already? Fingerprints are random: real ones crowd more, and are compared more often."""
    random = np.random.default_rng(0)
    all_VxS = random.integers(-(2**63), 2**63, (videos, prints))

    def unsigned(n: int) -> np.ndarray:
        return np.unique(all_VxS[n].view(np.uint64))

    from storage.ledger.content import _bands

    _fill(ledger, CONTENTS, ({"content": _name(n), "item_id": _name(n)} for n in range(videos)))
    _fill(ledger, SIGHTS, ({"item_id": _name(n), "prints": unsigned(n).tobytes()} for n in range(videos)))
    _fill(ledger, SIGHT_BANDS, ({"band": band, "item_id": _name(n)} for n in range(videos)
                                for band in _bands(unsigned(n))))  # fmt: skip
    print(f"{videos} videos of {prints} fingerprints on {ledger.engine.dialect.name}")
    copies = ledger.copies
    _timed("the same bytes", lambda n: copies.original_of("x", _name(n), []), repeats)
    found = []
    _timed("the same pictures, 1 bit off each",
           lambda n: found.append(copies.original_of("x", "x", [int(v) ^ 1 for v in all_VxS[n]])), repeats)  # fmt: skip
    assert found == [_name(n) for n in range(repeats)]
    new = random.integers(-(2**63), 2**63, (repeats, prints))
    _timed("a new video is kept", lambda n: copies.keep(f"new{n}", f"new{n}", [int(v) for v in new[n]]), repeats)


def bench_lake(folder: Path, commits: int, repeats: int, bulk: int) -> None:
    """Commits of one video each up to `commits`, with a first read now and then; then both after maintenance."""
    lake, ledger = Lake(folder / "lake"), Ledger.open(folder / "lake")
    while (there := ledger.books().done) < bulk:
        _commits_at_once(lake, ledger, range(there, min(there + 500, bulk)))
    there, spent, began_cpu = ledger.books().done, list[float](), time.process_time()
    for number in range(there, commits):
        began = time.perf_counter()
        _commit(lake, ledger, number)
        spent.append((time.perf_counter() - began) * 1000)
        if number % 500 == 499:
            cpu_ms = (time.process_time() - began_cpu) * 1000 / len(spent)
            print(f"{number + 1} commits: {cpu_ms:.0f} ms of CPU each; median {statistics.median(spent):.0f} ms, "
                  f"largest {max(spent):.0f} ms", flush=True)  # fmt: skip
            spent.clear()
            _first_read(folder)
            began_cpu = time.process_time()
    _shown(lake)
    _timed("commit", lambda n: _commit(lake, ledger, commits + n), min(repeats, 20))
    _first_read(folder)
    began = time.perf_counter()
    print(maintain(lake, ledger), f"{time.perf_counter() - began:.1f} s")
    _shown(lake)
    _timed("commit after maintenance", lambda n: _commit(lake, ledger, commits + 100 + n), min(repeats, 20))
    _first_read(folder)
    ledger.close()


def _shown(lake: Lake) -> None:
    for name in ORDER:
        folder = lake.folder(name)
        table = folder.open()
        files = folder.file_names(table) if table is not None else []
        shards = len({shard_of(file) for file in files} - {None})
        log = lake.disk.files(f"{folder.where}/_delta_log")
        print(f"{name}: version {lake.version(name)}, {len(files)} files, {shards} of shards, {len(log)} in the log",
              flush=True)  # fmt: skip


def _commit(lake: Lake, ledger: Ledger, number: int) -> None:
    source = source_name(number)
    ledger.ask([Item(source, "films.test")])
    ledger.claim("w", only=[source])
    ledger.labels.among({(source, "k1")})
    commit_shard(lake, ledger, "w", shard([source], people=1, frames=2), {source: Finished("k1", 1)})


def _commits_at_once(lake: Lake, ledger: Ledger, numbers: range) -> None:
    sources = [source_name(number) for number in numbers]
    ids = [_name(number)[:32] for number in numbers]
    rows = shard(sources, people=1, frames=2)
    for name in ORDER:
        if name not in rows:
            continue
        folder = lake.folder(name)
        table = folder.open_or_create()
        marks = CommitProperties(app_transactions=[Transaction(commit_id, DONE) for commit_id in ids])
        table.create_write_transaction([folder.write_file(rows[name])], "append", table.schema(),
                                       commit_properties=marks)  # fmt: skip
    ledger.ask([Item(source, "films.test") for source in sources])
    ledger.claim("w", limit=len(sources), only=sources)
    ledger.open_commit(ids[0], "w", {source: Finished("k1", 1) for source in sources})
    ledger.close_commit(ids[0])


def _first_read(folder: Path) -> None:
    """By a new process, without the time that its imports take."""
    command = [sys.executable, __file__, "read", "--folder", str(folder)]
    print(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip(), flush=True)


def read_once(folder: Path) -> None:
    """Read all tables' narrow columns once, as a first look does."""
    spent, began_cpu = {}, time.process_time()
    lake = Lake(folder / "lake", create=False)
    for name in ORDER:
        began = time.perf_counter()
        lake.read(name, ["source_id"])
        spent[name] = round(time.perf_counter() - began, 3)
    cpu = round(time.process_time() - began_cpu, 3)
    print("first read, s:", json.dumps({**spent, "all": round(sum(spent.values()), 3), "CPU": cpu}))


if __name__ == "__main__":
    main()
