"""The ledger's database: items, what happened to them, hosts, commits, tombstones. Times: seconds since 1970."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import DBAPIError

from storage.errors import LakeFull, LedgerError

METADATA = MetaData()

ITEMS = Table(
    "items",
    METADATA,
    Column("item_id", String(128), primary_key=True),
    Column("url", Text),
    Column("host", String(255), nullable=False),
    Column("uploader", Text),
    Column("request", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(128)),
    Column("error_class", String(128)),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float),
    Column("worker", String(128)),
    Column("lease_until", Float),
    Column("commit_id", String(64)),
    Column("recipe", String(128), nullable=False),
    Column("label_key", String(128)),
    Column("evidence", Text),
    Column("tracklets", Integer, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index("items_by_state", "state", "due_at"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("event_id", Integer, primary_key=True, autoincrement=True),
    Column("item_id", String(128), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("was", String(16)),
    Column("state", String(16), nullable=False),
    Column("reason", String(128)),
    Column("error_class", String(128)),
    Column("worker", String(128)),
    Column("attempt", Integer, nullable=False),
)

HOSTS = Table(
    "hosts",
    METADATA,
    Column("host", String(255), primary_key=True),
    Column("interval_s", Float, nullable=False),
    Column("per_day", Integer),
    Column("next_at", Float, nullable=False),
    Column("day", Integer, nullable=False),
    Column("spent", Integer, nullable=False),
    Column("banned_until", Float, nullable=False),
)

COMMITS = Table(
    "commits",
    METADATA,
    Column("commit_id", String(64), primary_key=True),
    Column("worker", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", Float, nullable=False),
)

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", Float, nullable=False),
)

ERASURES = Table(
    "erasures",
    METADATA,
    Column("mark", String(64), primary_key=True),
    Column("names", Text, nullable=False),
)
"""Erasures under way: what the source was known by, so that one that is cut short still finds everything."""

SECRETS = Table("secrets", METADATA, Column("name", String(32), primary_key=True), Column("value", String(128)))


def connect(url: str) -> Engine:
    """Engine for a SQLAlchemy URL, with the tables made. SQLite gets WAL, a patient lock and secure deletes.

    LedgerError if that is no database, or one whose tables of these names are another program's.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "handle_error", _translate)
    try:
        METADATA.create_all(engine)
        with engine.begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(select(table).limit(0))
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise LedgerError(f"{where} is no ledger: {error.orig}; move it away or name another") from error
    return engine


def _translate(context: Any) -> None:
    if "disk is full" in str(context.original_exception) or "No space left" in str(context.original_exception):
        raise LakeFull("no space left for the ledger; free some space and run again") from context.original_exception


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by _begin_immediate, not by the driver at the first write: a reader that turns
    # writer in mid-transaction would fail at once instead of waiting for its turn.
    connection.isolation_level = None
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
