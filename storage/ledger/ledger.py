"""The ledger: every item that was ever asked for, its state, and who works on it.

    pending ──claim──▶ (leased) ──▶ done | rejected(reason) | failed(reason, due_at)
    failed and due, or a lease that ran out ──claim──▶ leased again
    done, rejected ──ask with another recipe──▶ pending          anything ──erase──▶ erased

Many workers, on many machines, may share one ledger: a claim is a lease, and only the worker that holds the
lease may end the item. Every change is an event row as well, so that `storage/reconcile.py` can prove the states.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import LedgerError
from storage.json_text import BadJsonError, read_object
from storage.layout import Layout
from storage.ledger.hosts import HostBudgets
from storage.ledger.items import DONE, ERASED, FAILED, PENDING, REJECTED, STATES, Books, Claim, Entry, Finished, Item
from storage.ledger.tables import COMMITS, EVENTS, HOSTS, ITEMS, connect
from storage.ledger.tombstones import Tombstones

DEFAULT_LEASE_S = 900.0
"""Longer than one video takes; a worker renews it while it works on."""


class Ledger:
    """One ledger. Times are seconds since 1970; `clock` is replaced in tests."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url, self.clock = url, clock
        self.engine = connect(url)
        self.hosts = HostBudgets(self.engine, clock)
        self.tombstones = Tombstones(self.engine, clock)

    @classmethod
    def open(cls, where: str | Path, clock: Callable[[], float] = time.time) -> "Ledger":
        """The ledger of a lake (folder or s3:// URL; $HMMR_LEDGER overrules), or of a SQLAlchemy URL."""
        text = str(where)
        is_database = "://" in text and not text.startswith(("s3://", "file://"))
        return cls(text if is_database else Layout.of(where).ledger_url, clock)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    # ---- asking ----------------------------------------------------------------------------------------------

    def ask(
        self, items: Iterable[Item], *, recipe: str = "", retry_failed: bool = False, retry_rejected: Sequence[str] = ()
    ) -> int:
        """Enter items; the same id twice is one item. Returns how many are new or to be done again.

        `recipe`: digest of the labelling code and configuration. An item that ended under another recipe becomes
        pending again. `retry_failed`: so does one that failed for good. `retry_rejected`: so does one that was
        rejected for one of these reasons (a licence may have been vouched for since). Erased items stay erased,
        and an item whose source, URL, uploader or host was erased is entered as erased.
        """
        fresh = 0
        with self.engine.begin() as connection:
            for item in items:
                fresh += self._ask_one(connection, item, recipe, retry_failed, retry_rejected)
        return fresh

    def _ask_one(
        self, connection: Connection, item: Item, recipe: str, retry_failed: bool, retry_rejected: Sequence[str]
    ) -> int:
        if self.tombstones.covers(connection, item):
            self._enter_erased(connection, item)
            return 0
        if self._insert(connection, item, PENDING, recipe):
            self._event(connection, item.item_id, None, PENDING, 0)
            return 1
        row = self._row(connection, item.item_id)
        stale = row.state in (DONE, REJECTED) and bool(recipe) and row.recipe != recipe
        again = (retry_failed and row.state == FAILED) or (row.state == REJECTED and row.reason in retry_rejected)
        if not (stale or again):
            return 0
        self._move(connection, row, PENDING, reason="relabel" if stale else "retry", recipe=recipe or row.recipe,
                   request=json.dumps(dict(item.request), sort_keys=True), attempts=0, due_at=None)  # fmt: skip
        return 1

    def _insert(self, connection: Connection, item: Item, state: str, recipe: str) -> bool:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = make(ITEMS).values(
            item_id=item.item_id, url=item.url, host=item.host, uploader=item.uploader,
            request=json.dumps(dict(item.request), sort_keys=True), state=state, attempts=0, recipe=recipe,
            tracklets=0, changed_at=self.clock(),
        )  # fmt: skip
        # RETURNING, because psycopg has no row count for an insert that does nothing.
        new = statement.on_conflict_do_nothing(index_elements=["item_id"]).returning(ITEMS.c.item_id)
        return connection.execute(new).first() is not None

    def _enter_erased(self, connection: Connection, item: Item) -> None:
        grave = Item(self.tombstones.grave(item.item_id), host="erased")
        if self._insert(connection, grave, ERASED, ""):
            self._event(connection, grave.item_id, None, ERASED, 0, reason="tombstone")

    # ---- working ---------------------------------------------------------------------------------------------

    def claim(
        self, worker: str, limit: int = 1, lease_s: float = DEFAULT_LEASE_S, *, only: Sequence[str] | None = None
    ) -> list[Claim]:
        """Lease up to `limit` items: pending, or failed and due, whose host is not banned and has budget left.

        `only`: none but these item ids.
        """
        now = self.clock()
        with self.engine.begin() as connection:
            rows = connection.execute(self._claimable(now, limit, only)).all()
            claims = []
            for row in rows:
                self._move(connection, row, PENDING, reason="claimed", worker=worker, lease_until=now + lease_s,
                           attempts=row.attempts + 1, due_at=None)  # fmt: skip
                claims.append(Claim(_item(row), row.attempts + 1, now + lease_s))
        return claims

    def _claimable(self, now: float, limit: int, only: Sequence[str] | None) -> Any:
        free = or_(ITEMS.c.worker.is_(None), ITEMS.c.lease_until < now)
        due = and_(ITEMS.c.state == FAILED, ITEMS.c.due_at <= now)
        # An item of an open commit is settled by reconcile, which alone knows whether its rows are in the lake.
        ready = and_(or_(and_(ITEMS.c.state == PENDING, free), due), ITEMS.c.commit_id.is_(None))
        closed = select(HOSTS.c.host).where(self.hosts.closed(now))
        query = select(ITEMS).where(ready, ITEMS.c.host.not_in(closed)).order_by(ITEMS.c.changed_at, ITEMS.c.item_id)
        if only is not None:
            query = query.where(ITEMS.c.item_id.in_(only))
        return query.limit(limit).with_for_update(skip_locked=True)

    def renew(self, worker: str, item_ids: Sequence[str], lease_s: float = DEFAULT_LEASE_S) -> None:
        """Hold on to items for longer. LedgerError names those that another worker has by now."""
        with self.engine.begin() as connection:
            for item_id in item_ids:
                self._held(connection, item_id, worker)
                connection.execute(
                    update(ITEMS).where(ITEMS.c.item_id == item_id).values(lease_until=self.clock() + lease_s)
                )

    def release(self, worker: str) -> int:
        """Give back everything that a worker holds and has not ended (Ctrl-C). The tries do not count."""
        with self.engine.begin() as connection:
            held = select(ITEMS).where(ITEMS.c.worker == worker, ITEMS.c.state == PENDING, ITEMS.c.commit_id.is_(None))
            rows = connection.execute(held).all()
            for row in rows:
                self._move(connection, row, PENDING, reason="released", attempts=row.attempts - 1)
        return len(rows)

    def workers(self) -> list[str]:
        """Names of all who hold an item."""
        held = select(ITEMS.c.worker).where(ITEMS.c.worker.is_not(None)).distinct().order_by(ITEMS.c.worker)
        with self.engine.begin() as connection:
            return [str(name) for name in connection.execute(held).scalars()]

    def expire(self, worker: str) -> None:
        """End the leases of a worker that is known to be dead, as if their time had run out."""
        with self.engine.begin() as connection:
            connection.execute(update(ITEMS).where(ITEMS.c.worker == worker).values(lease_until=0.0))

    def note_evidence(self, item_id: str, evidence: Mapping[str, Any]) -> None:
        """Keep what the policy saw, before any byte is fetched."""
        with self.engine.begin() as connection:
            text = json.dumps(dict(evidence), sort_keys=True)
            connection.execute(update(ITEMS).where(ITEMS.c.item_id == item_id).values(evidence=text))

    # ---- ending ----------------------------------------------------------------------------------------------

    def reject(self, item_id: str, worker: str, reason: str, *, evidence: Mapping[str, Any] | None = None) -> None:
        """End an item with a 'no' that trying again will not change. `reason` is a stable slug."""
        with self.engine.begin() as connection:
            row = self._held(connection, item_id, worker)
            extra = {} if evidence is None else {"evidence": json.dumps(dict(evidence), sort_keys=True)}
            self._move(connection, row, REJECTED, reason=reason, **extra)

    def fail(
        self, item_id: str, worker: str, reason: str, *, error_class: str = "", retry_in_s: float | None = None
    ) -> None:
        """End this try. With `retry_in_s` the item is due again after that time, without it never."""
        with self.engine.begin() as connection:
            row = self._held(connection, item_id, worker)
            due = None if retry_in_s is None else self.clock() + retry_in_s
            self._move(connection, row, FAILED, reason=reason, error_class=error_class, due_at=due)

    def open_commit(self, commit_id: str, worker: str, finished: Mapping[str, Finished]) -> list[str]:
        """Say, before the first row is written, which items a commit to the lake will finish.

        Returns those that the worker still holds; the others were erased or taken over and are left out.
        """
        held = []
        with self.engine.begin() as connection:
            connection.execute(
                insert(COMMITS).values(commit_id=commit_id, worker=worker, state="open", opened_at=self.clock())
            )
            for item_id, end in finished.items():
                mine = (ITEMS.c.item_id == item_id, ITEMS.c.worker == worker, ITEMS.c.state == PENDING)
                values = {"commit_id": commit_id, "label_key": end.label_key, "tracklets": end.tracklets,
                          "reason": end.rejected}  # fmt: skip
                if connection.execute(update(ITEMS).where(*mine).values(**values)).rowcount:
                    held.append(item_id)
        return held

    def close_commit(self, commit_id: str, *, done: bool = True) -> None:
        """Settle a commit: its items are done, or (rolled back) pending again. A second time does nothing."""
        with self.engine.begin() as connection:
            closing = update(COMMITS).where(COMMITS.c.commit_id == commit_id, COMMITS.c.state == "open")
            if connection.execute(closing.values(state="done" if done else "aborted")).rowcount == 0:
                return
            for row in connection.execute(select(ITEMS).where(ITEMS.c.commit_id == commit_id)).all():
                self._settle_item(connection, row, done)

    def _settle_item(self, connection: Connection, row: Row[Any], done: bool) -> None:
        if row.state == ERASED:  # erased while the commit was open: it stays so
            connection.execute(update(ITEMS).where(ITEMS.c.item_id == row.item_id).values(commit_id=None))
        elif done:
            self._move(connection, row, REJECTED if row.reason else DONE, reason=row.reason, commit_id=None)
        else:
            self._move(connection, row, PENDING, reason="rolled_back", commit_id=None)

    def open_commits(self, *, older_than_lease: bool = True) -> dict[str, list[str]]:
        """Commits that were opened and not settled, with their items; by default only those whose lease ran out."""
        query = select(COMMITS.c.commit_id, ITEMS.c.item_id, ITEMS.c.lease_until).where(
            COMMITS.c.state == "open", ITEMS.c.commit_id == COMMITS.c.commit_id
        )
        found: dict[str, list[str]] = {}
        live: set[str] = set()
        with self.engine.begin() as connection:
            for row in connection.execute(query.order_by(ITEMS.c.item_id)).all():
                found.setdefault(row.commit_id, []).append(row.item_id)
                if older_than_lease and (row.lease_until or 0.0) >= self.clock():
                    live.add(row.commit_id)
        return {commit: items for commit, items in found.items() if commit not in live}

    # ---- looking ---------------------------------------------------------------------------------------------

    def books(self) -> Books:
        """How many items are in which state."""
        with self.engine.begin() as connection:
            counts = dict(
                connection.execute(select(ITEMS.c.state, func.count()).group_by(ITEMS.c.state)).tuples().all()
            )
            asked = connection.execute(select(func.count()).select_from(ITEMS)).scalar_one()
        return Books(asked=asked, **{state: counts.get(state, 0) for state in STATES})

    def reasons(self) -> dict[str, int]:
        """How many items were rejected or have failed, by reason."""
        ended = ITEMS.c.state.in_((REJECTED, FAILED))
        with self.engine.begin() as connection:
            query = select(ITEMS.c.reason, func.count()).where(ended).group_by(ITEMS.c.reason)
            return {str(reason): count for reason, count in connection.execute(query).tuples().all()}

    def entry(self, item_id: str) -> Entry:
        """All about one item; LedgerError if it was never asked for."""
        with self.engine.begin() as connection:
            return _entry(self._row(connection, item_id))

    def entries(self, state: str | None = None) -> list[Entry]:
        """All items, or those in one state, sorted by id."""
        query = select(ITEMS).order_by(ITEMS.c.item_id)
        if state is not None:
            query = query.where(ITEMS.c.state == state)
        with self.engine.begin() as connection:
            return [_entry(row) for row in connection.execute(query).all()]

    def next_due(self) -> float | None:
        """When the next item that failed is due (seconds since 1970); None if none will ever be."""
        with self.engine.begin() as connection:
            return connection.execute(select(func.min(ITEMS.c.due_at)).where(ITEMS.c.state == FAILED)).scalar()

    # ---- inside ----------------------------------------------------------------------------------------------

    def _row(self, connection: Connection, item_id: str) -> Row[Any]:
        query = select(ITEMS).where(ITEMS.c.item_id == item_id).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise LedgerError(f"item {item_id} was never asked for")
        return row

    def _held(self, connection: Connection, item_id: str, worker: str) -> Row[Any]:
        row = self._row(connection, item_id)
        if row.state != PENDING or row.worker != worker:
            raise LedgerError(f"item {item_id} is {row.state}, held by {row.worker or 'nobody'}, not by {worker}")
        return row

    def _move(self, connection: Connection, row: Row[Any], state: str, **values: Any) -> None:
        new = {"worker": None, "lease_until": None, "reason": None, "error_class": None, **values}
        changed = {**new, "state": state, "changed_at": self.clock()}
        connection.execute(update(ITEMS).where(ITEMS.c.item_id == row.item_id).values(**changed))
        attempt, worker = new.get("attempts", row.attempts), new["worker"] or row.worker
        why = {"reason": new["reason"], "error_class": new["error_class"], "worker": worker}
        self._event(connection, row.item_id, row.state, state, attempt, **why)

    def end(self, connection: Connection, row: Row[Any], state: str, **values: Any) -> None:
        """Bring an item into a state inside a transaction of the caller, whoever holds it (erase, reconcile)."""
        self._move(connection, row, state, **values)

    def put_back(self, item_id: str, reason: str) -> None:
        """Make a done item pending again, because the lake does not have what it says (reconcile)."""
        with self.engine.begin() as connection:
            self._move(connection, self._row(connection, item_id), PENDING, reason=reason, attempts=0)

    def _event(
        self, connection: Connection, item_id: str, was: str | None, state: str, attempt: int, **values: Any
    ) -> None:
        row = {"item_id": item_id, "at": self.clock(), "was": was, "state": state, "attempt": attempt, **values}
        connection.execute(insert(EVENTS).values(**row))


def _item(row: Row[Any]) -> Item:
    return Item(row.item_id, row.host, row.url, row.uploader, _told(row, row.request))


def _told(row: Row[Any], text: str) -> dict[str, Any]:
    try:
        return read_object(text)
    except BadJsonError as error:
        raise LedgerError(f"the ledger's row of item {row.item_id} is damaged ({error}): delete it") from error


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        item=_item(row),
        state=row.state,
        reason=row.reason,
        error_class=row.error_class,
        attempts=row.attempts,
        due_at=row.due_at,
        worker=row.worker,
        lease_until=row.lease_until,
        commit_id=row.commit_id,
        recipe=row.recipe,
        label_key=row.label_key,
        evidence=None if row.evidence is None else _told(row, row.evidence),
        tracklets=row.tracklets,
    )
