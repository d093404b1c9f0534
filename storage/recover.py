"""Commits that were begun and not ended: carried through or rolled back, by what `tracklets` says of them."""

import os
import secrets
import socket
from dataclasses import dataclass

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
    """A name for this process as a worker, from which `resume` can tell later whether it still runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def resume(lake: Lake, ledger: Ledger) -> Settled:
    """Call this before claiming: leases of dead processes of this machine end now, and open commits are settled.

    Workers on other machines are left to their leases. What a worker cached of a source while that was erased goes.
    """
    for worker in ledger.workers():
        if _is_dead(worker):
            ledger.expire(worker)
    drop_erased_caches(lake, ledger)
    return settle_open_commits(lake, ledger)


def drop_erased_caches(lake: Lake, ledger: Ledger) -> int:
    """Delete caches of erased sources: a worker that was at it may have written on after the erasure. How many."""
    erased = ledger.tombstones.among("source", lake.disk.folders(lake.layout.cache))
    for source in erased:
        lake.disk.delete_folder(lake.layout.source_cache(source))
    return len(erased)


def _is_dead(worker: str) -> bool:
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


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

    persist(attempt, f"{name} of {lake.root}")
