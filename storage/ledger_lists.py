"""Lists in the ledger. A list is an item only while it cannot be read; once read, its entries stand for it.

failed, pending, rejected ──read──▶ done (of no tracklets)      done ──failed again──▶ pending
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from storage.items import DONE, ERASED
from storage.ledger import Ledger
from storage.ledger_tables import ITEMS


def lists_were_read(ledger: Ledger, item_ids: Iterable[str]) -> int:
    """End those of these items that an earlier run could not read, as done; returns how many there were."""
    settled = 0
    with ledger.engine.begin() as connection:
        for item_id in item_ids:
            free = (ITEMS.c.worker.is_(None), ITEMS.c.commit_id.is_(None), ITEMS.c.state.not_in((DONE, ERASED)))
            row = connection.execute(select(ITEMS).where(ITEMS.c.item_id == item_id, *free).with_for_update()).first()
            if row is not None:
                ledger.end(connection, row, DONE, due_at=None)
                settled += 1
    return settled


def lists_failed_again(ledger: Ledger, item_ids: Sequence[str]) -> None:
    """Make pending those of these items that are done: a list that was read in between."""
    with ledger.engine.begin() as connection:
        done = select(ITEMS.c.item_id).where(ITEMS.c.item_id.in_(item_ids), ITEMS.c.state == DONE)
        again = list(connection.execute(done).scalars())
    for item_id in again:
        ledger.put_back(item_id, "unreadable_again")
