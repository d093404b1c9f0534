"""The ledger's database: brought up to date when it is opened, waited for while it is away, one clock for all runs."""

import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    String,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from storage.errors import LakeError, LakeFull, LedgerError
from storage.ledger.tables import ITEMS, METADATA
from storage.patience import patiently

_MIGRATION_LOCK = 0x686D6D72
"""Key of the advisory lock under which tables are made: "hmmr" in ASCII."""

_AWAY_STATES = ("08", "57P")
"""First characters of SQLSTATE: the connection failed, or the server is shutting down or starting up."""

_CONFLICT_STATES = ("40001", "40P01", "55P03")
"""SQLSTATE: serialization failure, deadlock, lock not available. The transaction was rolled back; it is made again."""

_CONFLICT_TRIES = 12

_CLOCK_READ_EVERY_S = 60.0
"""How often the server is asked for its time. A quartz drifts by milliseconds meanwhile; a lease lasts minutes."""

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, and does not jump when its time is set."""

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Database:
    """An engine with the ledger's tables.

    `clock` gives seconds since 1970: the server's time on PostgreSQL, this machine's on SQLite, whatever a test gives.
    Connecting waits for an absent server (storage/patience.py), and so does `run`.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None, *, read_only: bool = False) -> None:
        """LedgerError if the URL names no database, or one whose tables of these names are another program's.

        `read_only`: nothing is made or changed, so that the ledger of a lake that cannot be written can be read;
        LedgerError if there is none.
        """
        self.read_only = read_only
        self.engine = _reading_engine(url) if read_only and url.startswith("sqlite") else _engine(url)
        self.where = self.engine.url.set(query={}).render_as_string(hide_password=True)
        self.clock = clock or (_ServerClock(self.engine) if self.is_postgres else time.time)
        self.outage_ended_at = 0.0
        """When the server was last started, or came back from an absence that this process saw; 0 on SQLite."""
        event.listen(self.engine, "do_connect", self._connect)
        if self.is_postgres:
            event.listen(self.engine, "connect", self._note_start)
        try:
            self.run(_has_items if read_only else _bring_up_to_date)
        except DBAPIError as error:
            raise LedgerError(f"{self.where} is no ledger: {error.orig}; move it away or name another") from error

    @property
    def is_postgres(self) -> bool:
        """True for PostgreSQL, False for SQLite."""
        return self.engine.dialect.name == "postgresql"

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """`work(connection)` in one transaction, made again after a deadlock or when the connection was lost.

        `work` must be right when it is made twice: a connection may be lost after the commit and before its answer.
        """

        def attempt() -> Result:
            self.clock()  # read outside of the transaction, which would need a second connection for it
            for tries in range(_CONFLICT_TRIES):
                try:
                    with self.engine.begin() as connection:
                        return work(connection)
                except DBAPIError as error:
                    if not _is_conflict(error) or tries == _CONFLICT_TRIES - 1:
                        raise
                    time.sleep(random.random() * 0.02 * 2 ** min(tries, 6))
            raise AssertionError("unreachable")

        def is_away(error: BaseException) -> bool:
            away = self.is_postgres and _is_away(error)
            self._was_away = self._was_away or away
            return away

        result = patiently(attempt, is_away, self.where)
        if self._was_away:
            self._was_away = False
            self.outage_ended_at = self.clock()
        return result

    _was_away = False

    def _note_start(self, connection: Any, _record: Any) -> None:
        began = connection.execute("SELECT extract(epoch FROM pg_postmaster_start_time())").fetchone()[0]
        connection.rollback()
        self.outage_ended_at = max(self.outage_ended_at, float(began))

    def _connect(self, dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        if not self.is_postgres:
            return None  # as SQLAlchemy does it

        def is_away(error: BaseException) -> bool:
            self._was_away = self._was_away or _cannot_be_reached(error)
            return _cannot_be_reached(error)

        return patiently(lambda: dialect.connect(*arguments, **options), is_away, self.where)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Insert rows, all of the same columns; a row whose key is there already is left out.

    Returns the first key column of those that went in. On PostgreSQL it is one statement with an array a column: a
    million rows of values would be parsed one by one.
    """
    if not rows:
        return []
    key = next(iter(table.primary_key))
    if connection.dialect.name != "postgresql":
        statement = sqlite.insert(table).on_conflict_do_nothing().returning(key)
        return list(connection.execute(statement, [dict(row) for row in rows]).scalars())
    columns = tuple(rows[0])
    return list(connection.execute(_insertion(table, columns), column_arrays(columns, rows)).scalars())


@lru_cache
def _insertion(table: Table, columns: tuple[str, ...]) -> Any:
    given = as_rows(table, columns)
    insertion = postgresql.insert(table).from_select(columns, select(*(given.c[name] for name in columns)))
    return insertion.on_conflict_do_nothing().returning(next(iter(table.primary_key)))


def as_rows(table: Table, columns: Sequence[str]) -> TableValuedAlias:
    """Arrays, one a column of the table, to select from (PostgreSQL); `column_arrays` are its parameters."""
    # Text, not the column's own VARCHAR(n): a cast to that would cut a value that is too long, and not say so.
    types = {name: Text() if isinstance(table.c[name].type, String) else table.c[name].type for name in columns}
    arrays = [cast(bindparam(f"each_{name}"), postgresql.ARRAY(kind)) for name, kind in types.items()]
    return func.unnest(*arrays).table_valued(*(Column(name, kind) for name, kind in types.items())).render_derived()


def column_arrays(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The parameters of `as_rows`."""
    return {f"each_{name}": [row[name] for row in rows] for name in columns}


def among(connection: Connection, column: Column[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column has one of these values; on PostgreSQL they are one parameter, however many they are."""
    if connection.dialect.name == "postgresql":
        return column == func.any(cast(list(values), postgresql.ARRAY(Text())))
    return column.in_(values)


class HasDatabase(Protocol):
    """Whatever works on a ledger's database."""

    @property
    def database(self) -> Database:
        """The database."""


Owner = TypeVar("Owner", bound=HasDatabase)


def transactional(
    method: Callable[Concatenate[Owner, Connection, Arguments], Result],
) -> Callable[Concatenate[Owner, Arguments], Result]:
    """A method that is given a connection inside a transaction of its own, as `Database.run` makes one."""

    def call(self: Owner, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return self.database.run(lambda connection: method(self, connection, *args, **kwargs))

    return wraps(method)(call)  # type: ignore[return-value]


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {}
        if parsed.drivername == "postgresql+psycopg":
            # A server whose machine has vanished is noticed within a minute, not after the kernel's two hours.
            alive = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 60_000}
            options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10, **alive}}
        engine = create_engine(parsed, **options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        way_out = (
            "pip install 'hmmr-harvest[postgres]'" if "psycopg" in str(error) else "sqlite:///FILE or postgresql://"
        )
        raise LedgerError(f"the ledger's URL cannot be used ({error}): {way_out}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return _listened(engine)


def _reading_engine(url: str) -> Engine:
    """An engine on an SQLite file that may lie where nothing can be written."""
    path = Path(make_url(url).database or "")
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}")
    name = quote(str(path.absolute()))
    with suppress(sqlite3.Error):  # a journal beside it may hold what was written last, and needs a writable folder
        with sqlite3.connect(f"file:{name}?mode=ro", uri=True) as probe:
            probe.execute("SELECT count(*) FROM sqlite_master")
        return _listened(create_engine(f"sqlite:///file:{name}?mode=ro&uri=true"))
    return _listened(create_engine(f"sqlite:///file:{name}?mode=ro&immutable=1&uri=true"))


def _listened(engine: Engine) -> Engine:
    event.listen(engine, "handle_error", _translate)
    return engine


def _has_items(connection: Connection) -> None:
    connection.execute(select(ITEMS).limit(0))


def _bring_up_to_date(connection: Connection) -> None:
    """Make the tables and indexes that are not there. Whoever comes at the same moment waits and finds them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    METADATA.create_all(connection)
    inspector = inspect(connection)
    for table in METADATA.sorted_tables:
        connection.execute(select(table).limit(0))
        known = {index["name"] for index in inspector.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in known:
                index.create(connection)


class _ServerClock:
    """The server's time, asked for now and then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ahead, self._read_at = 0.0, float("-inf")

    def __call__(self) -> float:
        if time.clock_gettime(_BOOT_CLOCK) - self._read_at > _CLOCK_READ_EVERY_S:
            self._read()
        return time.clock_gettime(_BOOT_CLOCK) + self._ahead

    def _read(self) -> None:
        with self._engine.connect() as connection:
            before = time.clock_gettime(_BOOT_CLOCK)
            now = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
            after = time.clock_gettime(_BOOT_CLOCK)
        self._ahead, self._read_at = now - (before + after) / 2, after


def _sqlstate(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _is_conflict(error: DBAPIError) -> bool:
    return _sqlstate(error) in _CONFLICT_STATES or "database is locked" in str(error.orig)


def _is_away(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _sqlstate(error).startswith(_AWAY_STATES))


def _cannot_be_reached(error: BaseException) -> bool:
    """Whether a connection failed for a reason that may pass: not for a password, a database or a host that is none."""
    if type(error).__name__ not in ("OperationalError", "ConnectionTimeout"):
        return False
    words = str(error)
    lasting = ("authentication failed", "does not exist", "no pg_hba.conf entry", "resolve host", "Name or service")
    return not any(word in words for word in lasting)


def _translate(context: Any) -> None:
    where = "the ledger" if context.engine is None else context.engine.url.set(query={}).render_as_string()
    trouble = trouble_of(context.original_exception, where)
    if trouble is not None:
        raise trouble from context.original_exception


def trouble_of(error: BaseException, where: str) -> LakeError | None:
    """An SQLite error as what it means for the user, with the way out; None where its own words are as good."""
    words = str(error)
    if "disk is full" in words or "No space left" in words:
        return LakeFull("no space left for the ledger; free some space and run again")
    if "disk I/O error" in words:
        return LedgerError(
            "the ledger's file cannot be read or written (disk I/O error): the disk is failing, or a limit of this "
            "process (ulimit -f, ulimit -n) is too low; what was committed is safe, run again when that is mended"
        )
    if "malformed" in words or isinstance(error, UnicodeDecodeError):  # damaged names in SQLite's own messages
        return LedgerError(
            f"{where} is damaged ({error}): restore it from a copy, or save what can be read by "
            "`sqlite3 ledger.sqlite .recover`"
        )
    return None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by _begin_immediate, not by the driver at the first write: a reader that turns
    # writer in mid-transaction would fail at once instead of waiting for its turn.
    connection.isolation_level = None
    for pragma in ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        try:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        except UnicodeDecodeError as error:
            raise trouble_of(error, "the ledger") or error from error


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
