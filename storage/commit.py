"""How labels get into the lake: all tables of a shard of videos, exactly once, in an order that can be cut anywhere.

The ledger is told first which items the commit will finish; then the tables are written, `tracklets` last, each
under the commit's id; then the items are done. Whoever finds an open commit later (storage/reconcile.py) looks at
`tracklets`: if the id is there, everything is, and the items are done. If not, the id is burned there, so that a
worker that was only slow can no longer commit, the rows of the other tables go, and the items are pending again.
"""

import uuid
from collections.abc import Callable, Mapping

import pyarrow as pa

from storage.errors import CommitAborted
from storage.items import Finished
from storage.lake import Lake
from storage.ledger import Ledger
from storage.schema import TABLES

LAST = "tracklets"
ORDER = (*[name for name in ("features", "labels3d", "rejects", "shots", "videos") if name in TABLES], LAST)


def commit_shard(
    lake: Lake,
    ledger: Ledger,
    worker: str,
    tables: Mapping[str, pa.Table],
    finished: Mapping[str, Finished],
    *,
    between: Callable[[str], None] | None = None,
) -> str:
    """Write the tables of some items that `worker` holds, and mark these items done. Returns the commit's id.

    `tables` may name any table of `ORDER`. `between(point)` is called after each step, for tests that crash there.
    CommitAborted: the lease had run out and the commit was rolled back; the items are somebody else's now.
    """
    step = between or (lambda _: None)
    unknown = set(tables) - set(ORDER)
    if unknown:
        raise KeyError(f"a commit of labels does not write {', '.join(sorted(unknown))}")
    commit_id = uuid.uuid4().hex
    ledger.open_commit(commit_id, worker, finished)
    step("opened")
    try:
        for name in ORDER:
            _write(lake, name, tables.get(name), commit_id)
            step(name)
    except CommitAborted:
        ledger.close_commit(commit_id, done=False)
        raise
    ledger.close_commit(commit_id)
    step("closed")
    return commit_id


def _write(lake: Lake, name: str, table: pa.Table | None, commit_id: str) -> None:
    # `tracklets` is written even when it is empty: its log is what says that the commit is whole.
    if table is None and name == LAST:
        table = TABLES[LAST].empty_table()
    if table is not None and (table.num_rows or name == LAST):
        lake.append(name, table, transaction=commit_id)
