"""What each host may be asked for: one budget for all workers, and bans that outlive a process."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.ledger_tables import HOSTS

DAY_S = 86_400


@dataclass(frozen=True)
class HostBudget:
    """What is known of a host. Times in seconds since 1970."""

    host: str
    interval_s: float
    """Least time between two requests, over all workers."""
    per_day: int | None
    """Most requests a UTC day; None: no limit."""
    spent: int
    """Requests of today."""
    next_at: float
    banned_until: float


class HostBudgets:
    """The table of hosts. A host that was never limited is free."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self.engine, self.clock = engine, clock

    def limit(self, host: str, *, interval_s: float = 0.0, per_day: int | None = None) -> None:
        """Set the pace of a host; what was spent stays spent."""
        with self.engine.begin() as connection:
            self._ensure(connection, host)
            values = {"interval_s": interval_s, "per_day": per_day}
            connection.execute(update(HOSTS).where(HOSTS.c.host == host).values(**values))

    def ban(self, host: str, until: float) -> None:
        """No item of this host is claimed before `until`; a ban is only ever made longer."""
        with self.engine.begin() as connection:
            self._ensure(connection, host)
            longer = and_(HOSTS.c.host == host, HOSTS.c.banned_until < until)
            connection.execute(update(HOSTS).where(longer).values(banned_until=until))

    def spend(self, host: str) -> float:
        """Take one request from the budget; returns the seconds to wait before making it. Slots are never shared.

        A spent day or a ban gives the time until it ends: put the item back with `fail(retry_in_s=...)`.
        """
        now = self.clock()
        with self.engine.begin() as connection:
            self._ensure(connection, host)
            row = connection.execute(select(HOSTS).where(HOSTS.c.host == host).with_for_update()).one()
            today = int(now // DAY_S)
            spent = row.spent if row.day == today else 0
            if row.per_day is not None and spent >= row.per_day:
                return float(max((today + 1) * DAY_S, row.banned_until) - now)
            if row.banned_until > now:
                return float(row.banned_until - now)
            start = max(now, row.next_at)
            values = {"next_at": start + row.interval_s, "day": today, "spent": spent + 1}
            connection.execute(update(HOSTS).where(HOSTS.c.host == host).values(**values))
        return float(start - now)

    def budget(self, host: str) -> HostBudget:
        """What is known of a host."""
        with self.engine.begin() as connection:
            self._ensure(connection, host)
            row = connection.execute(select(HOSTS).where(HOSTS.c.host == host)).one()
        spent = row.spent if row.day == int(self.clock() // DAY_S) else 0
        return HostBudget(host, row.interval_s, row.per_day, spent, row.next_at, row.banned_until)

    def closed(self, now: float) -> ColumnElement[bool]:
        """Condition on the hosts table: banned, or today's budget spent."""
        spent = and_(HOSTS.c.per_day.is_not(None), HOSTS.c.day == int(now // DAY_S), HOSTS.c.spent >= HOSTS.c.per_day)
        return or_(HOSTS.c.banned_until > now, spent)

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
