"""A harvest and its trainings at one moment, in numbers: read from the ledger and the lake, which are left as they are.

Two parts, by what they cost. `glance` reads the newest events, workers and hosts (some milliseconds, however many items
there are); `counts` counts all items by state and host, which on a million items takes a part of a second.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from storage.ledger.items import FAILED, PENDING
from storage.ledger.ledger import Ledger
from storage.ledger.tables import EVENTS, HOSTS, ITEMS, WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.layout import Layout

NEWEST_EVENTS = 5_000
"""Read for rates and errors; where they span less than an hour the rate is over what they span."""

MOST_ERRORS = 50
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LEAST_S = 60.0
"""What a rate is over at least."""


@dataclass(frozen=True)
class Worker:
    """A run that beats: how many items it holds, since when, seconds until its lease ends (negative: dead)."""

    name: str
    holds: int
    running_s: float
    lease_s: float


@dataclass(frozen=True)
class Host:
    """What is known of a host: requests of today against its budget, seconds until it lets us in again."""

    name: str
    spent: int
    per_day: int | None
    interval_s: float
    banned_s: float


@dataclass(frozen=True)
class Failure:
    """One try that failed: when (seconds since 1970), of what, and why."""

    at: float
    item: str
    address: str
    reason: str
    error: str
    attempt: int


@dataclass(frozen=True)
class Glance:
    """The newest of a harvest. Rates are items an hour, by the state in which they ended, over the last hour, or since
    the workers that are alive began."""

    rates: Mapping[str, float]
    over_s: float
    """The time that the rates are over."""
    quiet_s: float | None
    """Since any item changed; None: nothing ever did."""
    workers: Sequence[Worker] = ()
    hosts: Sequence[Host] = ()
    failures: Sequence[Failure] = ()


@dataclass(frozen=True)
class Counts:
    """Items by host and state, and those that ended badly by reason."""

    by_host: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]

    @property
    def states(self) -> dict[str, int]:
        """Items by state."""
        total: Counter[str] = Counter()
        for states in self.by_host.values():
            total.update(states)
        return dict(total)


@contextmanager
def looked_into(layout: "Layout") -> "Iterator[Ledger | None]":
    """The lake's ledger, to be read; None where there is none."""
    try:
        url = layout.ledger_url
    except ValueError:
        yield None
        return
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield None
        return
    ledger = Ledger.open(layout.root, read_only=True)
    try:
        yield ledger
    finally:
        ledger.close()


def change_token(layout: "Layout") -> tuple[int, ...] | None:
    """Changes when anything of a local lake or its ledger does; None where that cannot be told without asking."""
    try:
        url = layout.ledger_url
    except ValueError:
        return None
    if layout.remote or not url.startswith("sqlite:///"):
        return None
    ledger, root = url.removeprefix("sqlite:///"), Path(layout.root)
    places = [Path(ledger), Path(f"{ledger}-wal"), root / "running"]
    times = []
    with suppress(OSError):
        logs = [Path(entry.path) / "_delta_log" for entry in os.scandir(root) if entry.is_dir()]
        places += [log for log in sorted(logs) if log.is_dir()]
        places += list(root.joinpath("running").glob("*.json"))
    for place in places:
        with suppress(OSError):
            stat = place.stat()
            times += [stat.st_mtime_ns, stat.st_size]
    return tuple(times)


def glance(ledger: Ledger) -> Glance:
    """Look now."""
    now = ledger.clock()
    with ledger.engine.connect() as connection:
        newest = select(EVENTS).order_by(EVENTS.c.event_id.desc()).limit(NEWEST_EVENTS)
        events = list(connection.execute(newest))
        held_by = select(ITEMS.c.worker, func.count()).where(ITEMS.c.worker.is_not(None)).group_by(ITEMS.c.worker)
        held = {str(worker): int(count) for worker, count in connection.execute(held_by)}
        workers = [
            Worker(row.worker, held.get(row.worker, 0), now - row.began_at, row.alive_until - now)
            for row in connection.execute(select(WORKERS).order_by(WORKERS.c.began_at))
        ]
        hosts = [_host(row, now) for row in connection.execute(select(HOSTS).order_by(HOSTS.c.host))]
        failed = [row for row in events if row.state == FAILED][:MOST_ERRORS]
        among = ITEMS.c.item_id.in_([row.item_id for row in failed])
        items = {row.item_id: row for row in connection.execute(select(ITEMS).where(among))}
    began = [worker.running_s for worker in workers if worker.lease_s > 0]
    window_s = min(_HOUR_S, max([_LEAST_S, *began])) if began else _HOUR_S
    late = [row for row in events if now - row.at <= window_s]
    over_s = now - late[-1].at if late and len(late) == NEWEST_EVENTS else window_s
    ended = Counter(row.state for row in late if row.state != PENDING)
    return Glance(
        rates={state: count * _HOUR_S / max(over_s, 1.0) for state, count in ended.items()}, over_s=over_s,
        quiet_s=now - events[0].at if events else None, workers=workers, hosts=hosts,
        failures=[_failure(row, items.get(row.item_id)) for row in failed],
    )  # fmt: skip


def _host(row: Any, now: float) -> Host:
    spent = row.spent if row.day == int(now // _DAY_S) else 0
    return Host(row.host, spent, row.per_day, row.interval_s, max(row.banned_until - now, 0.0))


def _failure(row: Any, item: Any) -> Failure:
    address = "" if item is None else str(item.url or item.host)
    return Failure(row.at, row.item_id, address, row.reason or "", row.error_class or "", row.attempt)


def counts(ledger: Ledger) -> Counts:
    """Count all items now."""
    by_host: dict[str, dict[str, int]] = {}
    query = select(ITEMS.c.host, ITEMS.c.state, func.count()).group_by(ITEMS.c.host, ITEMS.c.state)
    with ledger.engine.connect() as connection:
        for host, state, count in connection.execute(query):
            by_host.setdefault(host, {})[state] = count
    return Counts(by_host, ledger.reasons())


def time_left(found: Counts, rates: Mapping[str, float]) -> float | None:
    """Seconds until nothing is pending, at the rate at which items end; None where none ends."""
    rate = sum(rates.values())
    return found.states.get(PENDING, 0) / rate * _HOUR_S if rate else None
