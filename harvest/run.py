"""From a source list to committed tracklets: the one function behind `hmmr harvest run` and the flow.

Pure of orchestration: workers label, this process alone claims items, commits shards and keeps the books. It may be
stopped at any moment and called again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow.compute as pc

from harvest.commit import Shard
from harvest.config import HarvestConfig
from harvest.errors import HarvestError, SourceRejected
from harvest.ledger_items import to_item
from harvest.networks import make_backend, make_phis
from harvest.recipe import recipe
from harvest.report import HarvestReport, Trouble, books_of, reasons_of
from harvest.sources import Source, expand
from harvest.workers import Outcome, Progress, Workers
from storage.errors import LedgerError
from storage.items import FAILED, PENDING, REJECTED
from storage.lake import Lake
from storage.ledger import Ledger
from storage.recover import resume, worker_name

Watch = Callable[["Asked | Progress | Ended"], None]
"""Told what happens, for progress bars."""

_POLICY_REASONS = ("licence_unknown", "licence_closed", "address_refused", "too_long", "too_large",
                   "too_many_pixels", "robots_refused", "opted_out")  # fmt: skip
"""A second call may answer these otherwise: the user may vouch, allow, or raise a limit."""

_MAX_ONLY = 20_000
"""Ids in one SQL query."""
_WAIT_S = 0.5


class Asked:
    """The sources of this call are known."""

    def __init__(self, sources: Sequence[Source], to_do: int) -> None:
        self.sources, self.to_do = sources, to_do


class Ended:
    """One item has ended."""

    def __init__(self, source: Source, error: HarvestError | None, tracklets: int) -> None:
        self.source, self.error, self.tracklets = source, error, tracklets


def harvest(
    sources: Sequence[str | Path | Source], lake: Lake, config: HarvestConfig, progress: Watch | None = None
) -> HarvestReport:
    """Harvest sources into a lake and report on them. One item's trouble never ends the run.

    Raises WeightsError if the networks cannot be loaded, LakeError if the lake cannot be written.
    """
    tell = progress or (lambda _: None)
    found = expand(sources)
    digest = recipe(config.label, make_backend(config), make_phis(config.phis, config.device)).digest
    ledger = Ledger.open(lake.root)
    try:
        resume(lake, ledger)
        ledger.ask(
            [to_item(source) for source in found],
            recipe=digest, retry_failed=config.retry_failed, retry_rejected=_POLICY_REASONS,
        )  # fmt: skip
        tell(Asked(found, _count_pending(ledger, found)))
        run = _Run(lake, ledger, config, {source.item_id: source for source in found}, tell)
        run.work()
        return _report(lake, ledger, found, run.errors)
    finally:
        ledger.close()


class _Run:
    """The state of one call: who works, what waits for its commit."""

    def __init__(
        self, lake: Lake, ledger: Ledger, config: HarvestConfig, sources: dict[str, Source], tell: Watch
    ) -> None:
        self._ledger, self._config, self._sources, self._tell = ledger, config, sources, tell
        self._name = worker_name()
        self._shard = Shard(lake, ledger, self._name, max_videos=config.shard_videos, max_seconds=config.shard_seconds)
        self._workers = Workers(config, _downloads(lake))
        self._working: set[str] = set()
        self._renewed = time.monotonic()
        self.errors: dict[str, HarvestError] = {}

    def work(self) -> None:
        """Until nothing can be claimed. Whatever ends this, finished videos are committed and the rest given back."""
        try:
            while self._fill() or self._working:
                for event in self._workers.events(_WAIT_S):
                    self._on(event)
                if self._shard.due:
                    self._shard.commit()
                self._renew()
        finally:
            self._workers.close()
            self._shard.commit()
            self._ledger.release(self._name)

    def _fill(self) -> bool:
        """Give every idle worker an item; says whether any was given."""
        given = False
        while self._workers.idle:
            claims = self._ledger.claim(self._name, 1, only=self._open_ids())
            if not claims:
                break
            source = self._sources[claims[0].item.item_id]
            self._working.add(source.item_id)
            self._workers.submit(source)
            given = True
        return given

    def _open_ids(self) -> list[str]:
        ended = set(self.errors) | set(self._shard.item_ids)
        return [item_id for item_id in self._sources if item_id not in ended][:_MAX_ONLY]

    def _on(self, event: Progress | Outcome) -> None:
        if isinstance(event, Progress):
            self._tell(event)
            return
        item_id = event.source.item_id
        self._working.discard(item_id)
        error = event.error or (event.labelled.rejection if event.labelled else None)
        if error:
            self.errors[item_id] = error
        if event.labelled:
            self._shard.add(item_id, event.labelled)
        elif error:
            self._end(item_id, error)
        self._tell(Ended(event.source, error, event.labelled.n_tracklets if event.labelled else 0))

    def _end(self, item_id: str, error: HarvestError) -> None:
        kind, wait = type(error).__name__, error.retry_after_s
        with suppress(LedgerError):  # the lease ran out: the item is somebody else's by now
            if isinstance(error, SourceRejected):
                self._ledger.reject(item_id, self._name, error.reason, evidence={"message": error.message})
            else:
                self._ledger.fail(item_id, self._name, error.reason, error_class=kind, retry_in_s=wait)

    def _renew(self) -> None:
        """Hold on to what is being worked on; leases last 15 minutes."""
        if time.monotonic() - self._renewed > 120:
            self._renewed = time.monotonic()
            with suppress(LedgerError):
                self._ledger.renew(self._name, [*self._working, *self._shard.item_ids])


def _downloads(lake: Lake) -> Path:
    """Where files lie while they are worked on: the lake's cache, or a local folder for a lake on S3."""
    return Path("hmmr-downloads").absolute() if lake.layout.remote else Path(lake.layout.cache)


def _count_pending(ledger: Ledger, found: Sequence[Source]) -> int:
    wanted = {source.item_id for source in found}
    return sum(entry.item.item_id in wanted for entry in ledger.entries(PENDING))


def _report(lake: Lake, ledger: Ledger, found: Sequence[Source], errors: dict[str, HarvestError]) -> HarvestReport:
    wanted = {source.item_id: source for source in found}
    entries = [entry for entry in ledger.entries() if entry.item.item_id in wanted]
    # a source that was labelled again has rows of each label version: those of the last count
    among = pc.field("label_key").isin([entry.label_key for entry in entries if entry.label_key])
    among &= pc.field("source_id").isin(list(wanted))
    table = lake.read("tracklets", ["n_frames", "seconds"], among)
    rejected = Counter(lake.read("rejects", ["reason"], among).column("reason").to_pylist())
    troubles = [
        Trouble(wanted[entry.item.item_id].name, entry.state, entry.reason or "", _message(entry.item.item_id, errors))
        for entry in entries
        if entry.state in (REJECTED, FAILED)
    ]
    return HarvestReport(
        books_of(entries, erased=len(found) - len(entries)),
        tracklets=table.num_rows,
        frames=int(pc.sum(table.column("n_frames")).as_py() or 0),
        hours=float(pc.sum(table.column("seconds")).as_py() or 0.0) / 3600,
        reasons=reasons_of(entries),
        rejected_tracks=dict(rejected.most_common()),
        troubles=troubles,
    )


def _message(item_id: str, errors: dict[str, HarvestError]) -> str:
    return errors[item_id].message if item_id in errors else "as in an earlier run"
