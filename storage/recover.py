"""Commits that were begun and not ended: carried through or rolled back, by what `tracklets` says of them."""

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from storage.commit import LAST, ORDER
from storage.delta import DONE
from storage.lake import NEEDS_TRACKLET, Lake
from storage.ledger import Ledger
from storage.rewrite import delete_rows


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

    Workers on other machines are left to their leases.
    """
    for worker in ledger.workers():
        if _is_dead(worker):
            ledger.expire(worker)
    return settle_open_commits(lake, ledger)


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
    for commit_id, items in ledger.open_commits(older_than_lease=not force).items():
        if settle(lake, ledger, commit_id, items):
            completed.append(commit_id)
        else:
            rolled_back.append(commit_id)
    return Settled(tuple(completed), tuple(rolled_back))


def settle(lake: Lake, ledger: Ledger, commit_id: str, items: Sequence[str]) -> bool:
    """Settle one commit; True if it was whole."""
    if _is_whole(lake, commit_id) or not lake.folder(LAST).abort(commit_id):
        ledger.close_commit(commit_id)
        return True
    for name in ORDER[:-1]:
        lake.folder(name).abort(commit_id)
    keys = {ledger.entry(item).label_key for item in items}
    for name in ORDER[:-1]:
        _forget(lake, name, items, sorted(key for key in keys if key))
    ledger.close_commit(commit_id, done=False)
    return False


def _is_whole(lake: Lake, commit_id: str) -> bool:
    table = lake.folder(LAST).open()
    return table is not None and table.transaction_version(commit_id) == DONE


def _forget(lake: Lake, name: str, items: Sequence[str], keys: Sequence[str]) -> None:
    mine = pc.field("source_id").isin(pa.array(list(items), pa.string()))
    if name in NEEDS_TRACKLET:
        known = lake.read(LAST, ["tracklet_id"], mine).column(0).combine_chunks()
        mine = mine & ~pc.field("tracklet_id").isin(known)
    else:
        mine = mine & pc.field("label_key").isin(pa.array(list(keys), pa.string()))
    delete_rows(lake, name, mine)
