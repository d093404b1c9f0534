"""The ledger's part of an erasure: tombstones first, so that nobody starts again; the item's own row last."""

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, text, update

from storage.errors import LedgerError
from storage.json_text import MISFIT, read_object, word
from storage.ledger.database import trouble_of
from storage.ledger.items import ERASED
from storage.ledger.ledger import Ledger
from storage.ledger.tables import BY_ITEM, COMMITS, ERASURES, EVENTS, HOSTS, ITEMS


def sources_of(
    ledger: Ledger, *, sources: Sequence[str] = (), uploader: str | None = None, host: str | None = None
) -> dict[str, str | None]:
    """Items with that id or URL, of that uploader, or of that host: id to URL."""
    matches: list[ColumnElement[bool]] = [ITEMS.c.item_id.in_(sources), ITEMS.c.url.in_(sources)]
    if uploader is not None:
        matches.append(ITEMS.c.uploader == uploader)
    if host is not None:
        matches.append(ITEMS.c.host == host)
    with ledger.engine.begin() as connection:
        rows = connection.execute(select(ITEMS.c.item_id, ITEMS.c.url).where(or_(*matches))).all()
    return {row.item_id: row.url for row in rows}


def uploaders_of(ledger: Ledger, sources: Sequence[str]) -> set[str]:
    """Who put these items on the net, as far as the ledger knows."""
    return _uploaders(ledger, ITEMS.c.item_id.in_(sources))


def others_uploaders(ledger: Ledger, sources: Sequence[str]) -> set[str]:
    """Who put any of the other items on the net."""
    return _uploaders(ledger, ITEMS.c.item_id.not_in(sources))


def _uploaders(ledger: Ledger, which: ColumnElement[bool]) -> set[str]:
    query = select(ITEMS.c.uploader).where(which, ITEMS.c.uploader.is_not(None)).distinct()
    with ledger.engine.begin() as connection:
        return set(connection.execute(query).scalars())


def bury(ledger: Ledger, names: dict[str, set[str]], sources: Sequence[str]) -> list[str]:
    """Set tombstones (kind to values) and take the items from whoever works on them. Returns the hashes, sorted."""
    with ledger.engine.begin() as connection:
        hashes = [ledger.tombstones.add(connection, kind, value) for kind in sorted(names) for value in names[kind]]
        mine = select(ITEMS).where(ITEMS.c.item_id.in_(sources), ITEMS.c.state != ERASED)
        for row in connection.execute(mine.with_for_update()).all():
            ledger.end(connection, row, ERASED)
    return sorted(hashes)


def bury_sights(ledger: Ledger, fingerprints: Sequence[int]) -> int:
    """Set tombstones for sampled pictures; returns how many."""
    return ledger.database.run(lambda connection: ledger.tombstones.add_sight(connection, fingerprints))


def remember(ledger: Ledger, mark: str, names: dict[str, list[str]]) -> dict[str, list[str]]:
    """Note an erasure's names until it has ended.

    Returns them with those that an earlier try had noted, or another erasure that has a source in common.
    """
    with ledger.engine.begin() as connection:
        merged = {kind: set(values) for kind, values in names.items()}
        for row in connection.execute(select(ERASURES).order_by(ERASURES.c.mark)).all():
            noted = _noted(row.names, row.mark)
            if row.mark == mark or merged.get("sources", set()) & noted.get("sources", set()):
                merged = {kind: values | noted.get(kind, set()) for kind, values in merged.items()}
                connection.execute(delete(ERASURES).where(ERASURES.c.mark == row.mark))
        sorted_names = {kind: sorted(values) for kind, values in merged.items()}
        connection.execute(insert(ERASURES).values(mark=mark, names=json.dumps(sorted_names)))
    return sorted_names


def _noted(text_of_names: str, mark: str) -> dict[str, set[str]]:
    try:
        return {kind: {word(name) for name in values} for kind, values in read_object(text_of_names).items()}
    except MISFIT as error:
        raise LedgerError(f"the ledger's note of the erasure {mark} is damaged ({error})") from error


def commits_of(ledger: Ledger, sources: Sequence[str]) -> list[str]:
    """Open commits that have one of these items."""
    mine = select(ITEMS.c.commit_id).where(ITEMS.c.item_id.in_(sources), ITEMS.c.commit_id.is_not(None))
    query = select(COMMITS.c.commit_id).where(COMMITS.c.state == "open", COMMITS.c.commit_id.in_(mine))
    with ledger.engine.begin() as connection:
        return list(connection.execute(query.order_by(COMMITS.c.commit_id)).scalars())


def anonymise(ledger: Ledger, sources: Sequence[str], mark: str, host: str | None = None) -> None:
    """Leave of each item one row 'erased' under its keyed hash, so that the books still balance; then purge."""
    with ledger.engine.begin() as connection:
        for source in sources:
            _anonymise_one(ledger, connection, source)
        connection.execute(delete(ERASURES).where(ERASURES.c.mark == mark))
        if host is not None:
            connection.execute(delete(HOSTS).where(HOSTS.c.host == host))
    purge(ledger)


def _anonymise_one(ledger: Ledger, connection: Connection, source: str) -> None:
    grave = ledger.tombstones.grave(source)
    if connection.execute(select(ITEMS.c.item_id).where(ITEMS.c.item_id == source)).first() is None:
        return
    # Somebody may have asked for the item again between burial and now: then its grave is there already.
    connection.execute(delete(ITEMS).where(ITEMS.c.item_id == grave))
    connection.execute(delete(EVENTS).where(EVENTS.c.item_id == grave))
    blank = dict.fromkeys(("url", "uploader", "reason", "error_class", "evidence", "label_key", "commit_id", "due_at"))
    connection.execute(
        update(ITEMS)
        .where(ITEMS.c.item_id == source)
        .values(item_id=grave, host="erased", request="{}", recipe="", tracklets=0, **blank)
    )
    for table in BY_ITEM:
        connection.execute(delete(table).where(table.c.item_id == source))
    forgotten = {"item_id": grave, "reason": None, "error_class": None}
    connection.execute(update(EVENTS).where(EVENTS.c.item_id == source).values(**forgotten))


def purge(ledger: Ledger) -> None:
    """Make the database forget deleted bytes: free pages, write-ahead log, dead rows."""
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if ledger.engine.dialect.name == "postgresql":
            for table in (ITEMS, EVENTS, *BY_ITEM):
                connection.execute(text(f"VACUUM FULL {table.name}"))
            return
        raw = connection.connection.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        # SQLite's own commands run outside any transaction; the engine's BEGIN IMMEDIATE would be in their way.
        if getattr(raw, "in_transaction", False):
            cursor.execute("COMMIT")
        for command in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            try:
                cursor.execute(command).fetchall()
            except Exception as error:  # of the driver, past SQLAlchemy's eyes
                raise trouble_of(error, "the ledger") or error from error
