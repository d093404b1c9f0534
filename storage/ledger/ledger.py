"""The ledger: every item that was ever asked for, its state, and who works on it.

    pending ──claim──▶ (leased) ──▶ done | rejected(reason) | failed(reason, due_at)
    failed and due, or a lease that ran out ──claim──▶ leased again
    done, rejected ──ask with another recipe──▶ pending          anything ──erase──▶ erased

Many workers, on many machines, may share one ledger: a claim is a lease, and only the worker that holds the
lease may end the item. Every change is an event row as well, so that `storage/reconcile.py` can prove the states.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, false, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import LedgerError
from storage.json_text import BadJsonError, read_object
from storage.layout import Layout
from storage.ledger.content import CommittedLabels, Copies, Tombstones, note_labels, release
from storage.ledger.database import Database, among, as_rows, column_arrays, insert_new, transactional
from storage.ledger.items import DONE, ERASED, FAILED, PENDING, REJECTED, STATES, Books, Claim, Entry, Finished, Item
from storage.ledger.leases import LEASE_S, HostBudgets, Leases, drop_from_plans
from storage.ledger.tables import ADDITIONS, COMMITS, EVENTS, ITEMS

_CHUNK = 1_000
"""Items asked for in one transaction: short locks, and few enough parameters for SQLite."""

_HOST_LENGTH = 255
"""Characters of a host that are kept; one of DNS has 253 at most."""

_log = logging.getLogger(__name__)


class Ledger:
    """One ledger. Times are seconds since 1970 on the database's clock; tests give a `clock` of their own.

    Every step waits for a PostgreSQL that is away (storage/patience.py), and is right when it is made twice.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None, *, read_only: bool = False) -> None:
        self.url = url
        self.database = Database(url, clock, read_only=read_only)
        self.engine, self.clock = self.database.engine, self.database.clock
        self.hosts = HostBudgets(self.database)
        self.tombstones = Tombstones(self.database)
        self.leases = Leases(self.database, self.hosts)
        self.copies = Copies(self.database)
        self.labels = CommittedLabels(self.database)

    @classmethod
    def open(
        cls, where: str | Path, clock: Callable[[], float] | None = None, *, read_only: bool = False
    ) -> "Ledger":  # fmt: skip
        """The ledger of a lake (folder or s3:// URL; $HMMR_LEDGER overrules), or of a SQLAlchemy URL.

        `read_only`: LedgerError if there is none; nothing is made, and steps that write fail.
        """
        text = str(where)
        is_database = "://" in text and not text.startswith(("s3://", "file://"))
        return cls(text if is_database else Layout.of(where).ledger_url, clock, read_only=read_only)

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
        # Sorted, so that two runs which ask for the same items lock them in the same order.
        remaining_items = iter(sorted({item.item_id: item for item in items}.values(), key=lambda item: item.item_id))
        fresh = 0
        while chunk := list(islice(remaining_items, _CHUNK)):
            fresh += self._ask_some(chunk, recipe, retry_failed, retry_rejected)
        return fresh

    @transactional
    def _ask_some(
        self, connection: Connection, items: Sequence[Item], recipe: str, retry_failed: bool,
        retry_rejected: Sequence[str],
    ) -> int:  # fmt: skip
        erased = self.tombstones.covered(connection, items)
        for item in items:
            if item.item_id in erased:
                self._enter_erased(connection, item)
        wanted = {item.item_id: item for item in items if item.item_id not in erased}
        new = self._insert(connection, list(wanted.values()), PENDING, recipe)
        self._events(connection, [{"item_id": i, "was": None, "state": PENDING, "attempt": 0} for i in sorted(new)])
        relabelled = and_(ITEMS.c.state.in_((DONE, REJECTED)), ITEMS.c.recipe != recipe) if recipe else false()
        failed = ITEMS.c.state == FAILED if retry_failed else false()
        refused = and_(ITEMS.c.state == REJECTED, ITEMS.c.reason.in_(list(retry_rejected)))
        known = among(connection, ITEMS.c.item_id, sorted(wanted.keys() - new))
        again = select(ITEMS, relabelled.label("relabelled")).where(known, or_(relabelled, failed, refused))
        redone = connection.execute(again.order_by(ITEMS.c.item_id).with_for_update()).all()
        changes = [
            {"reason": "relabel" if row.relabelled else "retry", "recipe": recipe or row.recipe,
             "request": _request(wanted[row.item_id]), "attempts": 0, "due_at": None}
            for row in redone
        ]  # fmt: skip
        self._move_all(connection, redone, PENDING, changes)
        return len(new) + len(redone)

    def _insert(self, connection: Connection, items: Sequence[Item], state: str, recipe: str) -> set[str]:
        """Enter those that are not there; returns their ids."""
        now = self.clock()
        rows = [
            {"item_id": item.item_id, "url": _storable(item.url), "host": _storable(item.host)[:_HOST_LENGTH],
             "uploader": _storable(item.uploader), "request": _request(item), "state": state, "attempts": 0,
             "recipe": recipe, "tracklets": 0, "changed_at": now}
            for item in items
        ]  # fmt: skip
        return set(insert_new(connection, ITEMS, rows))

    def _enter_erased(self, connection: Connection, item: Item) -> None:
        grave = Item(self.tombstones.grave(item.item_id), host="erased")
        if self._insert(connection, [grave], ERASED, ""):
            event = {"item_id": grave.item_id, "was": None, "state": ERASED, "attempt": 0, "reason": "tombstone"}
            self._events(connection, [event])

    # ---- working ---------------------------------------------------------------------------------------------

    def claim(
        self, worker: str, limit: int = 1, lease_s: float = LEASE_S, *, only: Sequence[str] | None = None,
        plan: str | None = None,
    ) -> list[Claim]:  # fmt: skip
        """Lease up to `limit` items: pending, or failed and due, whose host is not banned and has budget left.

        `plan`: those that this plan wants, in its order; they leave the plan. `only`: none but these item ids.
        An item whose row is damaged ends as failed and is left out.
        """
        began, tries = self.clock(), 0

        def work(connection: Connection) -> list[Claim]:
            nonlocal tries
            tries += 1
            claimed_rows = [] if tries == 1 else self._claimed_since(connection, worker, began)
            if claimed_rows:
                return [Claim(_item(row), row.attempts, row.lease_until) for row in claimed_rows]
            until = self.clock() + lease_s
            claims: list[tuple[Row[Any], Claim]] = []
            while not claims and (rows := self.leases.claimable(connection, limit, only, plan)):
                for row in rows:
                    try:
                        claims.append((row, Claim(_item(row), row.attempts + 1, until)))
                    except LedgerError as error:
                        self._set_aside(connection, row, error)
            changes = {"reason": "claimed", "worker": worker, "lease_until": until, "due_at": None}
            changes_per_row = [{**changes, "attempts": claim.attempts} for _, claim in claims]
            self._move_all(connection, [row for row, _ in claims], PENDING, changes_per_row)
            return [claim for _, claim in claims]

        return self.database.run(work)

    @transactional
    def set_aside(self, connection: Connection, item_id: str) -> None:
        """End an item whose row cannot be read as failed, without what cannot be read (reconcile)."""
        row = self._row(connection, item_id)
        try:
            _item(row), _told(row, row.evidence or "{}")
        except LedgerError as error:
            self._set_aside(connection, row, error)

    def _set_aside(self, connection: Connection, row: Row[Any], error: LedgerError) -> None:
        """A row that cannot be read costs its own item and nothing else."""
        _log.error("%s", error)
        self._move(connection, row, FAILED, reason="damaged_row", error_class=type(error).__name__, request="{}",
                   evidence=None, due_at=None)  # fmt: skip

    def _claimed_since(self, connection: Connection, worker: str, began: float) -> list[Row[Any]]:
        """What a try took whose answer was lost with the connection."""
        mine = (ITEMS.c.worker == worker, ITEMS.c.state == PENDING, ITEMS.c.changed_at >= began)
        return list(connection.execute(select(ITEMS).where(*mine, ITEMS.c.commit_id.is_(None))).all())

    def renew(self, worker: str, item_ids: Sequence[str], lease_s: float = LEASE_S) -> None:
        """Hold on to items for longer. LedgerError names one that another worker has by now."""

        def work(connection: Connection) -> None:
            for item_id in sorted(item_ids):
                self._held(connection, item_id, worker)
                until = self.clock() + lease_s
                connection.execute(update(ITEMS).where(ITEMS.c.item_id == item_id).values(lease_until=until))

        self.database.run(work)

    def release(self, worker: str) -> int:
        """Give back everything that a worker holds and has not ended (Ctrl-C). The tries do not count."""

        def work(connection: Connection) -> int:
            held_items = select(ITEMS).where(
                ITEMS.c.worker == worker, ITEMS.c.state == PENDING, ITEMS.c.commit_id.is_(None)
            )
            rows = connection.execute(held_items.order_by(ITEMS.c.item_id).with_for_update()).all()
            changes = [{"reason": "released", "attempts": row.attempts - 1} for row in rows]
            self._move_all(connection, rows, PENDING, changes)
            return len(rows)

        return self.database.run(work)

    def expire(self, worker: str) -> None:
        """End the leases of a worker that is known to be dead, as if their time had run out."""

        def work(connection: Connection) -> None:
            connection.execute(update(ITEMS).where(ITEMS.c.worker == worker).values(lease_until=0.0))

        self.database.run(work)

    @transactional
    def note_evidence(self, connection: Connection, item_id: str, evidence: Mapping[str, Any]) -> None:
        """Keep what the policy saw, before any byte is fetched."""
        evidence_json = json.dumps(dict(evidence), sort_keys=True)
        connection.execute(update(ITEMS).where(ITEMS.c.item_id == item_id).values(evidence=evidence_json))

    # ---- ending ----------------------------------------------------------------------------------------------

    @transactional
    def reject(
        self, connection: Connection, item_id: str, worker: str, reason: str, *,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """End an item with a 'no' that trying again will not change. `reason` is a stable slug."""
        row = self._held(connection, item_id, worker)
        extra = {} if evidence is None else {"evidence": json.dumps(dict(evidence), sort_keys=True)}
        self._move(connection, row, REJECTED, reason=reason, **extra)

    def reject_waiting(self, evidence: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """End pending items that nobody holds with a 'no', many at once: item id to (reason, evidence)."""
        ids = sorted(evidence)
        for start in range(0, len(ids), _CHUNK):
            self._reject_some({item_id: evidence[item_id] for item_id in ids[start : start + _CHUNK]})

    @transactional
    def _reject_some(self, connection: Connection, evidence: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        waiting = (ITEMS.c.item_id.in_(list(evidence)), ITEMS.c.state == PENDING, ITEMS.c.worker.is_(None))
        rows = connection.execute(select(ITEMS).where(*waiting).order_by(ITEMS.c.item_id).with_for_update()).all()
        ends = [evidence[row.item_id] for row in rows]
        changes = [{"reason": reason, "evidence": json.dumps(dict(why), sort_keys=True)} for reason, why in ends]
        self._move_all(connection, rows, REJECTED, changes)

    @transactional
    def fail(
        self, connection: Connection, item_id: str, worker: str, reason: str, *, error_class: str = "",
        retry_in_s: float | None = None, message: str = "",
    ) -> None:  # fmt: skip
        """End this try. With `retry_in_s` the item is due again after that time, without it never. `message` says what
        went wrong with this very item; it is kept until the next try."""
        row = self._held(connection, item_id, worker)
        due = None if retry_in_s is None else self.clock() + retry_in_s
        extra = {"evidence": json.dumps({"message": message}, sort_keys=True)} if message else {}
        self._move(connection, row, FAILED, reason=reason, error_class=error_class, due_at=due, **extra)

    @transactional
    def open_commit(
        self, connection: Connection, commit_id: str, worker: str, finished: Mapping[str, Finished]
    ) -> list[str]:
        """Say, before the first row is written, which items a commit to the lake will finish.

        Returns those that the worker still holds; the others were erased or taken over and are left out.
        """
        make = postgresql.insert if self.database.is_postgres else sqlite.insert
        commit = make(COMMITS).values(commit_id=commit_id, worker=worker, state="open", opened_at=self.clock())
        connection.execute(commit.on_conflict_do_nothing(index_elements=["commit_id"]))
        held_ids = set()
        for item_id, end in sorted(finished.items()):
            mine = (ITEMS.c.item_id == item_id, ITEMS.c.worker == worker, ITEMS.c.state == PENDING)
            values = {"commit_id": commit_id, "label_key": end.label_key, "tracklets": end.tracklets,
                      "reason": end.rejected}  # fmt: skip
            if connection.execute(update(ITEMS).where(*mine).values(**values)).rowcount:
                held_ids.add(item_id)
        return [item_id for item_id in finished if item_id in held_ids]

    @transactional
    def close_commit(self, connection: Connection, commit_id: str, *, done: bool = True, held: bool = False) -> None:
        """Settle a commit: its items are done, or (rolled back) pending again; with `held` their worker keeps them. A
        second time does nothing."""
        closing = update(COMMITS).where(COMMITS.c.commit_id == commit_id, COMMITS.c.state == "open")
        if connection.execute(closing.values(state="done" if done else "aborted")).rowcount == 0:
            return
        if connection.execute(delete(ADDITIONS).where(ADDITIONS.c.commit_id == commit_id)).rowcount:
            free = {"commit_id": None, "lease_until": None}  # its items are done, whatever became of the rows
            connection.execute(update(ITEMS).where(ITEMS.c.commit_id == commit_id).values(free))
            return
        mine = select(ITEMS).where(ITEMS.c.commit_id == commit_id).order_by(ITEMS.c.item_id)
        rows = connection.execute(mine.with_for_update()).all()
        if done:
            note_labels(connection, [(row.item_id, row.label_key) for row in rows if row.state != ERASED])
        for row in rows:
            self._settle_item(connection, row, done, held)

    def _settle_item(self, connection: Connection, row: Row[Any], done: bool, held: bool) -> None:
        if row.state == ERASED or (held and not done):  # erased while the commit was open: it stays so
            connection.execute(update(ITEMS).where(ITEMS.c.item_id == row.item_id).values(commit_id=None))
        elif done:
            self._move(connection, row, REJECTED if row.reason else DONE, reason=row.reason, commit_id=None)
        else:
            self._move(connection, row, PENDING, reason="rolled_back", commit_id=None)

    @transactional
    def open_commits(
        self, connection: Connection, *, older_than_lease: bool = True, worker: str | None = None
    ) -> dict[str, list[str]]:
        """Commits (of `worker`, or all) that were opened and not settled, with their items; by default only those whose
        lease ran out."""
        query = select(COMMITS.c.commit_id, ITEMS.c.item_id, ITEMS.c.lease_until).where(
            COMMITS.c.state == "open",
            ITEMS.c.commit_id == COMMITS.c.commit_id,
            COMMITS.c.worker == worker if worker else true(),
        )
        items: dict[str, list[str]] = {}
        live: set[str] = set()
        for row in connection.execute(query.order_by(ITEMS.c.item_id)).all():
            items.setdefault(row.commit_id, []).append(row.item_id)
            if older_than_lease and (row.lease_until or 0.0) >= self.leases.expired_before():
                live.add(row.commit_id)
        return {commit: named for commit, named in items.items() if commit not in live}

    # ---- looking ---------------------------------------------------------------------------------------------

    @transactional
    def books(self, connection: Connection) -> Books:
        """How many items are in which state."""
        counts = dict(connection.execute(select(ITEMS.c.state, func.count()).group_by(ITEMS.c.state)).tuples().all())
        asked = connection.execute(select(func.count()).select_from(ITEMS)).scalar_one()
        return Books(asked=asked, **{state: counts.get(state, 0) for state in STATES})

    @transactional
    def reasons(self, connection: Connection) -> dict[str, int]:
        """How many items were rejected or have failed, by reason."""
        ended = ITEMS.c.state.in_((REJECTED, FAILED))
        query = select(ITEMS.c.reason, func.count()).where(ended).group_by(ITEMS.c.reason)
        return {str(reason): count for reason, count in connection.execute(query).tuples().all()}

    @transactional
    def entry(self, connection: Connection, item_id: str) -> Entry:
        """All about one item; LedgerError if it was never asked for."""
        return _entry(self._row(connection, item_id))

    @transactional
    def entries(
        self, connection: Connection, state: str | None = None, *, among: Iterable[str] | None = None
    ) -> list[Entry]:
        """All items, those in one state, or those `among` these ids, sorted by id."""
        query = select(ITEMS).order_by(ITEMS.c.item_id)
        if state is not None:
            query = query.where(ITEMS.c.state == state)
        if among is None:
            return [_entry(row) for row in connection.execute(query).all()]
        ids = sorted(set(among))
        chunks = [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
        return [
            _entry(row) for chunk in chunks for row in connection.execute(query.where(ITEMS.c.item_id.in_(chunk))).all()
        ]

    @transactional
    def ready(self, connection: Connection, item_ids: Iterable[str]) -> set[str]:
        """Those of these items that are pending, whoever holds them, or failed and due."""
        ids, can = sorted(set(item_ids)), or_(ITEMS.c.state == PENDING, self._due())
        ready_ids: set[str] = set()
        for start in range(0, len(ids), _CHUNK):
            among = ITEMS.c.item_id.in_(ids[start : start + _CHUNK])
            ready_ids.update(connection.execute(select(ITEMS.c.item_id).where(among, can)).scalars())
        return ready_ids

    def _due(self) -> ColumnElement[bool]:
        return and_(ITEMS.c.state == FAILED, ITEMS.c.due_at <= self.clock())

    @transactional
    def next_due(self, connection: Connection) -> float | None:
        """When the next item that failed is due (seconds since 1970); None if none will ever be."""
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
        self._move_all(connection, [row], state, [values])

    def _move_all(
        self, connection: Connection, rows: Sequence[Row[Any]], state: str, changes: Sequence[Mapping[str, Any]]
    ) -> None:
        """Bring locked rows into a state, each with values of its own, all of the same columns; and note it."""
        if not rows:
            return
        now, blank = self.clock(), {"worker": None, "lease_until": None, "reason": None, "error_class": None}
        events, updates = [], []
        for row, change in zip(rows, changes, strict=True):
            new = {**blank, **change}
            updates.append({"of": row.item_id, **new, "state": state, "changed_at": now})
            events.append(
                {"item_id": row.item_id, "was": row.state, "state": state, "attempt": new.get("attempts", row.attempts),
                 "reason": new["reason"], "error_class": new["error_class"], "worker": new["worker"] or row.worker}
            )  # fmt: skip
        _update_each(connection, updates)
        lost = state in (REJECTED, ERASED) or (state == FAILED and updates[0].get("due_at") is None)
        if lost or state == DONE:
            drop_from_plans(connection, [row.item_id for row in rows])
        if lost:
            release(connection, [row.item_id for row in rows])
        self._events(connection, events)

    def end(self, connection: Connection, row: Row[Any], state: str, **values: Any) -> None:
        """Bring an item into a state inside a transaction of the caller, whoever holds it (erase, reconcile)."""
        self._move(connection, row, state, **values)

    @transactional
    def put_back(self, connection: Connection, item_id: str, reason: str) -> None:
        """Make a done item pending again, because the lake does not have what it says (reconcile)."""
        self._move(connection, self._row(connection, item_id), PENDING, reason=reason, attempts=0)

    def _events(self, connection: Connection, events: Sequence[Mapping[str, Any]]) -> None:
        defaults = {"reason": None, "error_class": None, "worker": None, "at": self.clock()}
        insert_new(connection, EVENTS, [{**defaults, **event} for event in events])


def _update_each(connection: Connection, updates: Sequence[Mapping[str, Any]]) -> None:
    """Give each item (`of`) its own values, all of the same columns; on PostgreSQL in one statement."""
    columns = [name for name in updates[0] if name != "of"]
    if connection.dialect.name == "postgresql" and len(updates) > 1:
        rows = [{**row, "item_id": row["of"]} for row in updates]
        given = as_rows(ITEMS, ["item_id", *columns])
        statement = update(ITEMS).where(ITEMS.c.item_id == given.c.item_id)
        values = {name: given.c[name] for name in columns}
        connection.execute(statement.values(values), column_arrays(["item_id", *columns], rows))
    else:
        statement = update(ITEMS).where(ITEMS.c.item_id == bindparam("of"))
        connection.execute(statement.values({name: bindparam(name) for name in columns}), list(updates))


def _request(item: Item) -> str:
    return json.dumps(_storable(dict(item.request)), sort_keys=True)


def _storable(value: Any) -> Any:
    """The value with what no database holds written out: halves of characters (bytes of a file name that is not UTF-8)
    and NUL."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list | tuple) else value


def _item(row: Row[Any]) -> Item:
    return Item(row.item_id, row.host, row.url, row.uploader, _told(row, row.request))


def _told(row: Row[Any], text: str) -> dict[str, Any]:
    try:
        return read_object(text)
    except BadJsonError as error:
        raise LedgerError(f"the ledger's row of item {row.item_id} is damaged ({error}): ask for it again") from error


def _entry(row: Row[Any]) -> Entry:
    damaged = None
    try:
        item, evidence = _item(row), None if row.evidence is None else _told(row, row.evidence)
    except LedgerError as error:
        item, evidence, damaged = Item(row.item_id, row.host, row.url, row.uploader), None, str(error)
    return Entry(
        item=item,
        damaged=damaged,
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
        evidence=evidence,
        tracklets=row.tracklets,
    )
