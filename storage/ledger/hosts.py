"""What each host may be asked for: one budget for all workers, and bans that outlive a process."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import HostClosed
from storage.ledger.database import Database, transactional
from storage.ledger.tables import HOSTS

DAY_S = 86_400


@dataclass(frozen=True)
class HostBudget:
    """What is known of a host. Times in seconds since 1970."""

    host: str
    interval_s: float
    """Least time between two requests, over all workers."""
    per_day: int | None
    """Most items a UTC day; None: no limit."""
    spent: int
    """Items of today."""
    next_at: float
    """The next request's slot begins here."""
    banned_until: float


class HostBudgets:
    """The table of hosts. A host that was never limited is free."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, database.clock

    @transactional
    def limit(self, connection: Connection, host: str, *, interval_s: float = 0.0, per_day: int | None = None) -> None:
        """Set the pace of a host; what was spent stays spent."""
        self._ensure(connection, host)
        self._write(connection, host, interval_s=interval_s, per_day=per_day)

    @transactional
    def ban(self, connection: Connection, host: str, until: float) -> None:
        """No item of this host is claimed before `until`; a ban is only ever made longer."""
        self._ensure(connection, host)
        longer = and_(HOSTS.c.host == host, HOSTS.c.banned_until < until)
        connection.execute(update(HOSTS).where(longer).values(banned_until=until))

    @transactional
    def admit(self, connection: Connection, host: str, patience_s: float) -> float:
        """Count one item of today's quota; returns the seconds until the host may be asked, 0 for now.

        HostClosed, and nothing is counted, if a ban or a spent day lasts longer than `patience_s`.
        """
        now = self.clock()
        row = self._locked(connection, host)
        today = int(now // DAY_S)
        spent = row.spent if row.day == today else 0
        full = row.per_day is not None and spent >= row.per_day
        opens = max(row.banned_until, (today + 1) * DAY_S if full else 0.0)
        if opens - now > patience_s:
            raise HostClosed(host, opens - now)
        if not full:
            self._write(connection, host, day=today, spent=spent + 1)
        return float(max(0.0, opens - now, min(row.next_at - now, row.interval_s)))

    @transactional
    def slot(self, connection: Connection, host: str, patience_s: float) -> float:
        """Take a slot for one request that goes out now: 0, or the seconds after which to ask again, and none is taken.
        HostClosed if a ban lasts longer than `patience_s`. `answered` is to be called when the request has ended."""
        now = self.clock()
        row = self._locked(connection, host)
        if row.banned_until - now > patience_s:
            raise HostClosed(host, row.banned_until - now)
        # a slot further away than the interval is of a clock that was wrong, and would be waited for as long
        far = row.next_at > now + row.interval_s
        if far:
            self._write(connection, host, next_at=now + row.interval_s)
        start = max(now + row.interval_s if far else row.next_at, row.banned_until)
        if start <= now:
            self._write(connection, host, next_at=now + row.interval_s)
        return float(max(0.0, start - now))

    @transactional
    def answered(self, connection: Connection, host: str) -> None:
        """The interval to the next request begins anew: nobody knows when this one, slow to start, came to the host."""
        row = self._locked(connection, host)
        self._write(connection, host, next_at=self.clock() + row.interval_s)

    @transactional
    def budget(self, connection: Connection, host: str) -> HostBudget:
        """What is known of a host."""
        self._ensure(connection, host)
        row = connection.execute(select(HOSTS).where(HOSTS.c.host == host)).one()
        spent = row.spent if row.day == int(self.clock() // DAY_S) else 0
        return HostBudget(host, row.interval_s, row.per_day, spent, row.next_at, row.banned_until)

    def closed(self, now: float) -> ColumnElement[bool]:
        """Condition on the hosts table: banned, or today's budget spent."""
        spent = and_(HOSTS.c.per_day.is_not(None), HOSTS.c.day == int(now // DAY_S), HOSTS.c.spent >= HOSTS.c.per_day)
        return or_(HOSTS.c.banned_until > now, spent)

    def _locked(self, connection: Connection, host: str) -> Row[Any]:
        """The host's row, which nobody else reads or writes until the transaction ends."""
        self._ensure(connection, host)
        return connection.execute(select(HOSTS).where(HOSTS.c.host == host).with_for_update()).one()

    def _write(self, connection: Connection, host: str, **values: Any) -> None:
        connection.execute(update(HOSTS).where(HOSTS.c.host == host).values(**values))

    def _ensure(self, connection: Connection, host: str) -> None:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {
            "host": host,
            "interval_s": 0.0,
            "per_day": None,
            "next_at": 0.0,
            "day": 0,
            "spent": 0,
            "banned_until": 0.0,
        }
        connection.execute(make(HOSTS).values(**row).on_conflict_do_nothing(index_elements=["host"]))
