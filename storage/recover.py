"""What a run leaves that did not end well: open commits, settled by what `tracklets` says of them; caches; files."""

import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from storage.commit import LAST, ORDER
from storage.delta import shard_of
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.rewrite import persist


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

    What a worker cached of a source while that was erased goes.
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


def settle(lake: Lake, ledger: Ledger, commit_id: str) -> bool:
    """Settle one commit; True if it was whole."""
    if lake.is_whole(commit_id) or not lake.folder(LAST).abort(commit_id):
        ledger.close_commit(commit_id)
        return True
    for name in ORDER[:-1]:
        lake.folder(name).abort(commit_id)
    for name in ORDER[:-1]:
        forget_shard(lake, name, commit_id)
    ledger.close_commit(commit_id, done=False)
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
