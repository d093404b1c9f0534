"""How labels get into the lake: all tables of a shard of videos, exactly once, in an order that can be cut anywhere.

The ledger is told first which items the commit will finish; then the tables are written, `tracklets` last, each
under the commit's id; then the items are done. Whoever finds an open commit later (`settle`, below) looks at
`tracklets`: if the id is there, everything is, and the items are done. If not, the id is burned there, so that a
worker that was only slow can no longer commit, the rows of the other tables go, and the items are pending again.

So that reads and commits do not grow with the lake's age, one commit in MANY_FILES joins the small files of all tables
and shortens their logs, whichever run makes it; `maintain` does so at the end of a harvest.
"""

import logging
import os
import secrets
import shutil
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, insert, or_, select, update

from storage.delta import shard_of
from storage.errors import CommitAborted, LakeError
from storage.lake import LAST_OF_SHARD, Lake
from storage.ledger.database import Database
from storage.ledger.items import DONE, Finished
from storage.ledger.leases import LEASE_S
from storage.ledger.ledger import Ledger
from storage.ledger.tables import ADDITIONS, COMMITS, ITEMS
from storage.rewrite import compact, persist, sweep
from storage.schema import TABLES

_log = logging.getLogger(__name__)

LAST = LAST_OF_SHARD
ORDER = (*[name for name in ("features", "labels3d", "rejects", "shots", "videos") if name in TABLES], LAST)


def commit_shard(
    lake: Lake,
    ledger: Ledger,
    worker: str,
    tables: Mapping[str, pa.Table],
    finished: Mapping[str, Finished],
    *,
    between: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """Write the tables of some items (`finished`, by source_id) and mark them done. Returns the items that went in.

    `tables` may name any table of `ORDER`. An item that `worker` does not hold any more (its lease ran out, or it
    was erased) is left out with its rows. `between(point)` is called after each step, for tests that crash there.
    CommitAborted: the lease ran out in mid-commit and everything was rolled back; the items are somebody else's.

    A commit of the same worker that an error or Ctrl-C cut short is settled first, so it may be repeated at once.
    """
    step = between or (lambda _: None)
    unknown = set(tables) - set(ORDER)
    if unknown:
        raise KeyError(f"a commit of labels does not write {', '.join(sorted(unknown))}")
    went_in = _settle_own(lake, ledger, worker)
    commit_id = uuid.uuid4().hex
    held_ids = ledger.open_commit(commit_id, worker, finished)
    for source in ledger.tombstones.among("source", set(finished) - set(held_ids)):
        lake.disk.delete_folder(lake.layout.source_cache(source))  # written while the erasure was under way
    step("opened")
    version = 0
    try:
        for name in ORDER:
            version = _write(lake, name, _rows_of(tables.get(name), held_ids), commit_id)
            step(name)
    except CommitAborted:
        ledger.close_commit(commit_id, done=False)
        raise
    ledger.close_commit(commit_id)
    step("closed")
    _tidy_in_turn(lake, ledger, version // MANY_FILES)
    return tuple(item_id for item_id in finished if item_id in went_in or item_id in held_ids)


def _settle_own(lake: Lake, ledger: Ledger, worker: str) -> set[str]:
    """Settle what the worker's own earlier commit left; its items stay with the worker. Returns those that were in."""
    went_in: set[str] = set()
    for commit_id, item_ids in ledger.open_commits(older_than_lease=False, worker=worker).items():
        if settle(lake, ledger, commit_id, held=True):
            went_in.update(item_ids)
    return went_in


def add_rows(
    lake: Lake,
    ledger: Ledger,
    worker: str,
    name: str,
    table: pa.Table,
    still: Callable[[pa.Table], pa.Table],
    *,
    between: Callable[[str], None] | None = None,
) -> pa.Table:
    """Add rows of `features` or `labels3d` to items that are done. Returns the rows that went in.

    Rows of an item that is not done (erased, asked for again) or in another open commit are left out. `still(rows)` is
    called when no other run can add to these items any more: it takes out what the lake has by now. If interrupted, or
    if the item is erased meanwhile, no row was added (`settle`). `between` as for `commit_shard`. CommitAborted: the
    commit was settled by another run, which took this one for dead.
    """
    step = between or (lambda _: None)
    commit_id = uuid.uuid4().hex
    held_ids = _open_addition(ledger.database, commit_id, worker, table["source_id"].unique().to_pylist())
    step("opened")
    try:
        rows = _rows_of(table, held_ids)
        assert rows is not None
        rows = still(rows)
        if rows.num_rows:
            lake.append(name, rows, transaction=commit_id, shard=True)
            step(name)
            lake.append(LAST, TABLES[LAST].empty_table(), transaction=commit_id, shard=True)
            step(LAST)
    except CommitAborted:
        ledger.close_commit(commit_id, done=False)
        raise
    ledger.close_commit(commit_id)
    step("closed")
    return rows


def _open_addition(database: Database, commit_id: str, worker: str, item_ids: Sequence[str]) -> list[str]:
    """Say, before the first row is written, to which items a commit adds rows. It is open in the ledger like any other,
    so that an erasure or another run finds and settles it.

    Returns those that are done and in no other open commit. The others were erased, are labelled again, or get rows
    from another run.
    """

    def work(connection: Connection) -> list[str]:
        if connection.execute(select(ADDITIONS).where(ADDITIONS.c.commit_id == commit_id)).first() is None:
            opened = {"commit_id": commit_id, "worker": worker, "state": "open", "opened_at": database.clock()}
            connection.execute(insert(COMMITS).values(opened))
            connection.execute(insert(ADDITIONS).values(commit_id=commit_id))
        free = or_(ITEMS.c.commit_id.is_(None), ITEMS.c.commit_id == commit_id)
        values = {"commit_id": commit_id, "lease_until": database.clock() + LEASE_S}
        done = []
        for item_id in sorted(set(item_ids)):
            mine = (ITEMS.c.item_id == item_id, ITEMS.c.state == DONE, free)
            if connection.execute(update(ITEMS).where(*mine).values(values)).rowcount:
                done.append(item_id)
        return done

    return database.run(work)


def _rows_of(table: pa.Table | None, held: Sequence[str]) -> pa.Table | None:
    return None if table is None else table.filter(pc.is_in(table["source_id"], value_set=pa.array(held, pa.string())))


def _write(lake: Lake, name: str, table: pa.Table | None, commit_id: str) -> int:
    """The table's version afterwards; 0 if there was nothing to write."""
    # `tracklets` is written even when it is empty: its log is what says that the commit is whole.
    if table is None and name == LAST:
        table = TABLES[LAST].empty_table()
    if table is not None and (table.num_rows or name == LAST):
        return lake.append(name, table, transaction=commit_id, shard=True)
    return 0


def _tidy_in_turn(lake: Lake, ledger: Ledger, turn: int) -> None:
    """Join small files if no run of this ledger has done so in this turn. The commit before it is whole either way."""
    try:
        if turn and ledger.leases.first_in_turn("join_files", turn):
            join_small_files(lake, many_files=MANY_FILES)
    except LakeError as error:
        _log.warning("small files were not joined, the next %d commits try it again: %s", MANY_FILES, error)


@dataclass(frozen=True)
class Settled:
    """Commit ids by what became of them."""

    completed: tuple[str, ...]
    rolled_back: tuple[str, ...]


def worker_name() -> str:
    """A new name for a run: where it runs, for people to read, and a random part that makes it unique."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(6)}"


def resume(lake: Lake, ledger: Ledger) -> Settled:
    """Call this before claiming, and while waiting: commits of runs whose lease ran out are settled.

    Also deletes what a worker cached of a source after that source was erased.
    """
    ledger.leases.forget_the_dead()
    learn_from(lake, ledger)
    drop_erased_caches(lake, ledger)
    return settle_open_commits(lake, ledger)


def learn_from(lake: Lake, ledger: Ledger) -> None:
    """Tell a ledger which labels and contents its lake has, if it was made before ledgers knew that."""
    if not ledger.labels.learnt():
        rows = lake.read("videos", ["source_id", "label_key"])
        ledger.labels.learn(set(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True)))
    if not ledger.copies.learnt():
        used = set(lake.read("tracklets", ["source_id"])["source_id"].unique().to_pylist())
        videos = lake.read("videos", ["source_id", "content_sha256", "fingerprints"]).to_pylist()
        ledger.copies.learn(
            [(row["source_id"], row["content_sha256"], row["fingerprints"]) for row in videos
             if row["source_id"] in used and row["content_sha256"]]
        )  # fmt: skip


def scratch_folder(ledger: Ledger, worker: str, base: Path) -> Path:
    """A folder below `base` that is this worker's alone. Those of workers that no longer beat are deleted.

    Workers of other ledgers may have folders there too: each ledger knows its own by a name that follows from its key.
    """
    mine = (base / ledger.tombstones.hash("ledger", "scratch")[:16]).absolute()
    alive = ledger.leases.alive()
    for folder in mine.iterdir() if mine.is_dir() else ():
        if folder.name not in {_folder_name(name) for name in (*alive, worker)}:
            shutil.rmtree(folder, ignore_errors=True)
    folder = mine / _folder_name(worker)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _folder_name(worker: str) -> str:
    return worker.replace(":", "-").replace("/", "-")


def drop_erased_caches(lake: Lake, ledger: Ledger) -> int:
    """Delete caches of erased sources: a worker that was at it may have written on after the erasure. How many."""
    erased = ledger.tombstones.among("source", lake.disk.folders(lake.layout.cache))
    for source in erased:
        lake.disk.delete_folder(lake.layout.source_cache(source))
    return len(erased)


def settle_open_commits(lake: Lake, ledger: Ledger, *, force: bool = False) -> Settled:
    """Settle every open commit whose lease ran out (`force`: every one, when no worker is alive).

    Call it before claiming work. A commit whose id is in the log of `tracklets` is whole: its items are done.
    Any other is burned in every table, what it wrote is deleted, and its items are pending again.
    """
    completed, rolled_back = [], []
    for commit_id in ledger.open_commits(older_than_lease=not force):
        if settle(lake, ledger, commit_id):
            completed.append(commit_id)
        else:
            rolled_back.append(commit_id)
    return Settled(tuple(completed), tuple(rolled_back))


def settle(lake: Lake, ledger: Ledger, commit_id: str, *, held: bool = False) -> bool:
    """Settle one commit; True if it was whole. `held`: items of one that was not stay with their worker."""
    if lake.is_whole(commit_id) or not lake.folder(LAST).abort(commit_id):
        ledger.close_commit(commit_id)
        return True
    for name in ORDER[:-1]:
        lake.folder(name).abort(commit_id)
    for name in ORDER[:-1]:
        forget_shard(lake, name, commit_id)
    ledger.close_commit(commit_id, done=False, held=held)
    return False


def forget_shard(lake: Lake, name: str, commit_id: str) -> None:
    """Delete what an unfinished commit wrote into one table; no reader has seen it."""
    folder = lake.folder(name)

    def attempt() -> None:
        table = folder.open()
        files = [file for file in folder.file_names(table) if shard_of(file) == commit_id] if table is not None else []
        if files:
            folder.replace(files, [])
        for file in files:
            lake.disk.delete(f"{folder.where}/{file}")

    persist(lake, attempt, f"{name} of {lake.root}")


MANY_FILES = 64
"""Files of a table from which on the small ones are joined. Each commit adds one; opening one costs about 1 ms."""


@dataclass
class Maintained:
    """What was done, by table."""

    joined: dict[str, int] = field(default_factory=dict)
    """How many small files were joined into fewer."""
    swept: dict[str, int] = field(default_factory=dict)
    """How many files were deleted that no version has named for an hour."""


def maintain(lake: Lake, ledger: Ledger, *, many_files: int = MANY_FILES) -> Maintained:
    """Settle what dead runs left, join small files where there are many, delete what is unused.

    Safe at any time, beside any number of runs; the harvest calls it at its end.
    """
    resume(lake, ledger)
    return join_small_files(lake, many_files=many_files)


def join_small_files(lake: Lake, *, many_files: int = MANY_FILES) -> Maintained:
    """Join small files of the tables that have so many, shorten those tables' logs, delete what is unused."""
    maintained = Maintained()
    # The last table of a commit goes last: until then its files say which commits are whole without a look at its log.
    for name in (*[name for name in TABLES if name != LAST], LAST):
        folder = lake.folder(name)
        table = folder.open()
        if table is None or len(folder.file_names(table)) < many_files:
            continue
        if files := compact(lake, name).files:
            maintained.joined[name] = files
            folder.shorten_log()
        if swept := sweep(lake, name):
            maintained.swept[name] = swept
    return maintained
