"""Lists in the ledger. A list is an item only while it cannot be read; once read, its entries stand for it.

failed, pending, rejected ──read──▶ done (of no tracklets)      done ──failed again──▶ pending
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from storage.ledger.items import DONE, ERASED
from storage.ledger.ledger import Ledger
from storage.ledger.tables import ITEMS

_AT_ONCE = 1000
"""Ids in one query: databases have a limit."""


def lists_were_read(ledger: Ledger, item_ids: Sequence[str]) -> int:
    """End those of these items that an earlier run could not read, as done; returns how many there were."""
    free = (ITEMS.c.worker.is_(None), ITEMS.c.commit_id.is_(None), ITEMS.c.state.not_in((DONE, ERASED)))
    settled = 0
    with ledger.engine.begin() as connection:
        for row in _rows(connection, item_ids, *free):
            ledger.end(connection, row, DONE, due_at=None)
            settled += 1
    return settled


def lists_failed_again(ledger: Ledger, item_ids: Sequence[str]) -> None:
    """Make pending those of these items that are done: lists that were read in between."""
    with ledger.engine.begin() as connection:
        again = [row.item_id for row in _rows(connection, item_ids, ITEMS.c.state == DONE)]
    for item_id in again:
        ledger.put_back(item_id, "unreadable_again")


def _rows(connection: Connection, item_ids: Sequence[str], *where: ColumnElement[bool]) -> Iterator[Row[Any]]:
    for start in range(0, len(item_ids), _AT_ONCE):
        among = ITEMS.c.item_id.in_(item_ids[start : start + _AT_ONCE])
        yield from connection.execute(select(ITEMS).where(among, *where).with_for_update()).all()
