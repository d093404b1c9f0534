"""What runs on one ledger share: an ordered plan a run, leases on its items, beats that say that the run is alive, and
one budget of requests for each host, with bans that outlive a process.

A lease belongs to a worker (a run's name) and ends at a time on the database's clock. Beats renew all leases of a
worker in one statement. Nobody judges a worker by its process id or host name: without beats its leases run out.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import HostClosed, LakeError
from storage.ledger.database import Database, insert_new, transactional
from storage.ledger.items import FAILED, PENDING
from storage.ledger.tables import HOSTS, ITEMS, SECRETS, WANTED, WORKERS

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
        """Take a slot for one request that goes out now: 0 if it was taken, else the seconds to wait before asking
        again. HostClosed if a ban lasts longer than `patience_s`. Call `answered` when the request has ended."""
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


LEASE_S = 150.0
"""A dead run's items come back after so long; a beat that is late by two minutes (a paused container) costs nothing."""

BEATS_A_LEASE = 5

_FORGOTTEN_AFTER_S = 86_400.0

_CHUNK = 5_000
"""Rows of one statement: SQLite takes 32,766 parameters."""

_MANY = 10_000
"""Items of a plan from which on the planner is told how large it is."""

_log = logging.getLogger(__name__)


class Leases:
    """Plans, leases and beats of one ledger."""

    def __init__(self, database: Database, hosts: HostBudgets) -> None:
        self._db, self._hosts = database, hosts

    # ---- plans -------------------------------------------------------------------------------------------------

    def plan(self, name: str, item_ids: Sequence[str]) -> None:
        """Keep what a run wants to work on, in this order; it replaces an earlier plan of that name."""

        def work(connection: Connection) -> None:
            connection.execute(delete(WANTED).where(WANTED.c.plan == name))
            for start in range(0, len(item_ids), _CHUNK):
                rows = [
                    {"plan": name, "place": start + place, "item_id": item_id}
                    for place, item_id in enumerate(item_ids[start : start + _CHUNK])
                ]
                insert_new(connection, WANTED, rows)
            if len(item_ids) > _MANY:
                connection.execute(text("ANALYZE wanted"))

        self._db.run(work)

    def want_again(self, name: str, item_id: str) -> None:
        """Put an item at the end of a plan: a later try of it is to be made by the same run."""

        def work(connection: Connection) -> None:
            mine = WANTED.c.plan == name
            if connection.execute(select(WANTED).where(mine, WANTED.c.item_id == item_id)).first() is not None:
                return
            last = connection.execute(select(func.max(WANTED.c.place)).where(mine)).scalar()
            place = 0 if last is None else last + 1
            connection.execute(insert(WANTED).values(plan=name, place=place, item_id=item_id))

        self._db.run(work)

    def held_by_others(self, name: str, worker: str) -> int:
        """How many items of a plan somebody else holds now, or has in an open commit: they may still come back."""
        busy = (ITEMS.c.worker.is_not(None), ITEMS.c.worker != worker, ITEMS.c.state == PENDING)

        def work(connection: Connection) -> int:
            # From the few that are held to the plan, and not the other way round: a plan may have a million items.
            busy_ids = connection.execute(select(ITEMS.c.item_id).where(*busy)).scalars().all()
            count = 0
            for start in range(0, len(busy_ids), _CHUNK):
                among = WANTED.c.item_id.in_(busy_ids[start : start + _CHUNK])
                query = select(func.count()).select_from(WANTED).where(among, WANTED.c.plan == name)
                count += connection.execute(query).scalar_one()
            return count

        return self._db.run(work)

    # ---- leases ------------------------------------------------------------------------------------------------

    def claimable(
        self, connection: Connection, limit: int, only: Sequence[str] | None, plan: str | None
    ) -> list[Row[Any]]:
        """Up to `limit` items that may be leased now, locked: of a plan in its order, else those that changed first."""
        now = self._db.clock()
        closed = select(HOSTS.c.host).where(self._hosts.closed(now))
        # An item of an open commit is settled by storage/commit.py, which looks whether its rows are in the lake.
        can = and_(ITEMS.c.commit_id.is_(None), ITEMS.c.host.not_in(closed))
        free = or_(ITEMS.c.worker.is_(None), ITEMS.c.lease_until < self.expired_before())
        pending = and_(ITEMS.c.state == PENDING, free, can)
        due = and_(ITEMS.c.state == FAILED, ITEMS.c.due_at <= now, can)
        if plan is not None:
            wanted = WANTED.join(ITEMS, WANTED.c.item_id == ITEMS.c.item_id)
            query = select(ITEMS).select_from(wanted).where(WANTED.c.plan == plan, or_(pending, due))
            query = query.order_by(WANTED.c.place).limit(limit)
            rows = list(connection.execute(query.with_for_update(of=ITEMS, skip_locked=True)).all())
            row_ids = [row.item_id for row in rows]
            connection.execute(delete(WANTED).where(WANTED.c.plan == plan, WANTED.c.item_id.in_(row_ids)))
            return rows
        rows = []
        for ready in (pending, due):  # one after the other: each is one walk along an index
            query = select(ITEMS).where(ready).order_by(ITEMS.c.changed_at, ITEMS.c.item_id)
            if only is not None:
                query = query.where(ITEMS.c.item_id.in_(only))
            query = query.limit(limit - len(rows)).with_for_update(skip_locked=True)
            rows += connection.execute(query).all() if len(rows) < limit else []
        return rows

    def expired_before(self) -> float:
        """A lease that ended before this time has run out. Just after the server was away everybody's has ended, and
        each gets the time to beat again."""
        now, back = self._db.clock(), self._db.outage_ended_at
        return now - LEASE_S if 0 <= now - back < LEASE_S else now

    def beat(self, worker: str, lease_s: float = LEASE_S) -> None:
        """Say that a worker is alive: all that it holds is its own for another lease."""

        def work(connection: Connection) -> None:
            now = self._db.clock()
            alive = {"alive_until": now + lease_s}
            if connection.execute(update(WORKERS).where(WORKERS.c.worker == worker).values(alive)).rowcount == 0:
                connection.execute(insert(WORKERS).values(worker=worker, began_at=now, **alive))
            mine = (ITEMS.c.worker == worker, ITEMS.c.state == PENDING)
            connection.execute(update(ITEMS).where(*mine).values(lease_until=now + lease_s))

        self._db.run(work)

    @contextmanager
    def beating(self, worker: str, lease_s: float = LEASE_S) -> Iterator[None]:
        """Inside, a thread beats for `worker`. Afterwards the worker is forgotten, and its plan with it."""
        self.beat(worker, lease_s)
        over = threading.Event()

        def run() -> None:
            while not over.wait(lease_s / BEATS_A_LEASE):
                try:
                    self.beat(worker, lease_s)
                except LakeError as error:  # the run's own next step says it too, and ends it
                    _log.warning("the leases of %s could not be renewed: %s", worker, error)

        thread = threading.Thread(target=run, name=f"beat {worker}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=lease_s / BEATS_A_LEASE)
            self.forget([worker])

    def first_in_turn(self, duty: str, turn: int) -> bool:
        """Whether nobody has asked for this turn of a duty, or a later one, before: of all runs one gets a yes."""

        def work(connection: Connection) -> bool:
            make = postgresql.insert if self._db.is_postgres else sqlite.insert
            connection.execute(make(SECRETS).values(name=duty, value="0").on_conflict_do_nothing())
            query = select(SECRETS.c.value).where(SECRETS.c.name == duty).with_for_update()
            if int(connection.execute(query).scalar_one()) >= turn:
                return False
            connection.execute(update(SECRETS).where(SECRETS.c.name == duty).values(value=str(turn)))
            return True

        return self._db.run(work)

    def alive(self) -> set[str]:
        """Names of the workers that have beaten within their lease."""
        query = select(WORKERS.c.worker).where(WORKERS.c.alive_until >= self._db.clock())
        return set(self._db.run(lambda connection: connection.execute(query).scalars().all()))

    def forget_the_dead(self) -> None:
        """Take workers off the books that have not beaten for a day: a run that was only stopped keeps its plan."""
        long_ago = WORKERS.c.alive_until < self._db.clock() - _FORGOTTEN_AFTER_S
        query = select(WORKERS.c.worker).where(long_ago)
        self.forget(self._db.run(lambda connection: connection.execute(query).scalars().all()))

    def forget(self, workers: Sequence[str]) -> None:
        """Take workers and their plans off the books; what they still hold comes back when its lease runs out."""

        def work(connection: Connection) -> None:
            connection.execute(delete(WORKERS).where(WORKERS.c.worker.in_(workers)))
            connection.execute(delete(WANTED).where(WANTED.c.plan.in_(workers)))

        if workers:
            self._db.run(work)


def drop_from_plans(connection: Connection, item_ids: Sequence[str]) -> None:
    """Items that have ended are wanted by no plan any more."""
    connection.execute(delete(WANTED).where(WANTED.c.item_id.in_(item_ids)))
