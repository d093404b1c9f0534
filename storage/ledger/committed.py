"""Which labels the lake has, (item, label_key) each, so that no commit has to read the lake for it.

Written in the transaction that ends a commit. A ledger that was made before this table was learns it from the lake
once (storage/recover.py).
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.ledger.database import Database, transactional
from storage.ledger.tables import LABELS, SECRETS

_CHUNK = 5_000
"""Rows of one statement: SQLite takes 32,766 parameters."""
_LEARNT = "labels_of_the_lake"


class CommittedLabels:
    """The label keys of one ledger's items."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @transactional
    def among(self, connection: Connection, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (item, label_key) whose rows are in the lake."""
        items = sorted({item for item, _ in pairs})
        there: set[tuple[str, str]] = set()
        for start in range(0, len(items), _CHUNK):
            query = select(LABELS).where(LABELS.c.item_id.in_(items[start : start + _CHUNK]))
            there.update((row.item_id, row.label_key) for row in connection.execute(query))
        return there & set(pairs)

    @transactional
    def forget(self, connection: Connection, item_ids: Sequence[str]) -> None:
        """Their rows are no longer in the lake."""
        drop_labels(connection, item_ids)

    def learnt(self) -> bool:
        """Whether the labels that a lake had before its ledger knew label keys were entered."""
        query = select(SECRETS.c.value).where(SECRETS.c.name == _LEARNT)
        return self.database.run(lambda connection: connection.execute(query).first() is not None)

    @transactional
    def learn(self, connection: Connection, pairs: Collection[tuple[str, str]]) -> None:
        """Enter the labels that a lake has."""
        note_labels(connection, pairs)
        make = postgresql.insert if self.database.is_postgres else sqlite.insert
        connection.execute(make(SECRETS).values(name=_LEARNT, value="1").on_conflict_do_nothing())


def note_labels(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Rows of these (item, label_key) are in the lake."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{"item_id": item_id, "label_key": label_key} for item_id, label_key in sorted(set(pairs))]
    if rows:
        connection.execute(make(LABELS).on_conflict_do_nothing(), rows)


def drop_labels(connection: Connection, item_ids: Sequence[str]) -> None:
    """Rows of these items are in the lake no longer."""
    connection.execute(delete(LABELS).where(LABELS.c.item_id.in_(item_ids)))
