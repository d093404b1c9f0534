"""Commits that add rows to items which are done already: features of another φ for tracklets that the lake has.

Such a commit is open in the ledger like any other, so that an erasure or another run finds and settles it, and no two
runs add to one item at the same time. Whatever becomes of it, its items stay as they are.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, or_, select, update

from storage.ledger.database import Database
from storage.ledger.items import DONE
from storage.ledger.leases import LEASE_S
from storage.ledger.tables import ADDITIONS, COMMITS, ITEMS


def open_addition(database: Database, commit_id: str, worker: str, item_ids: Sequence[str]) -> list[str]:
    """Say, before the first row is written, to which items a commit adds rows.

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


def end_addition(connection: Connection, commit_id: str) -> bool:
    """Let go of the items of a commit that added rows; False if it was another kind of commit."""
    if connection.execute(delete(ADDITIONS).where(ADDITIONS.c.commit_id == commit_id)).rowcount == 0:
        return False
    held = update(ITEMS).where(ITEMS.c.commit_id == commit_id)
    connection.execute(held.values(commit_id=None, lease_until=None))
    return True
