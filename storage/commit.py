"""How labels get into the lake: all tables of a shard of videos, exactly once, in an order that can be cut anywhere.

The ledger is told first which items the commit will finish; then the tables are written, `tracklets` last, each
under the commit's id; then the items are done. Whoever finds an open commit later (storage/reconcile.py) looks at
`tracklets`: if the id is there, everything is, and the items are done. If not, the id is burned there, so that a
worker that was only slow can no longer commit, the rows of the other tables go, and the items are pending again.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import CommitAborted
from storage.lake import LAST_OF_SHARD, Lake
from storage.ledger.items import Finished
from storage.ledger.ledger import Ledger
from storage.schema import TABLES

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
    """
    step = between or (lambda _: None)
    unknown = set(tables) - set(ORDER)
    if unknown:
        raise KeyError(f"a commit of labels does not write {', '.join(sorted(unknown))}")
    commit_id = uuid.uuid4().hex
    held = ledger.open_commit(commit_id, worker, finished)
    for source in ledger.tombstones.among("source", set(finished) - set(held)):
        lake.disk.delete_folder(lake.layout.source_cache(source))  # written while the erasure was under way
    step("opened")
    try:
        for name in ORDER:
            _write(lake, name, _rows_of(tables.get(name), held), commit_id)
            step(name)
    except CommitAborted:
        ledger.close_commit(commit_id, done=False)
        raise
    ledger.close_commit(commit_id)
    step("closed")
    return tuple(held)


def _rows_of(table: pa.Table | None, held: Sequence[str]) -> pa.Table | None:
    return None if table is None else table.filter(pc.is_in(table["source_id"], value_set=pa.array(held, pa.string())))


def _write(lake: Lake, name: str, table: pa.Table | None, commit_id: str) -> None:
    # `tracklets` is written even when it is empty: its log is what says that the commit is whole.
    if table is None and name == LAST:
        table = TABLES[LAST].empty_table()
    if table is not None and (table.num_rows or name == LAST):
        lake.append(name, table, transaction=commit_id, shard=True)
