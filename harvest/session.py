"""Runs one call of `harvest`: claims items, gives them to workers, waits for hosts, commits what was labelled."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harvest.commit import Shard
from harvest.config import HarvestConfig
from harvest.duplicates import KnownVideos
from harvest.errors import Duplicate, Erased, HarvestError, SourceRejected
from harvest.fetch.pace import Pace
from harvest.label import LabelledVideo
from harvest.sources.expand import Source
from harvest.video.overlap import threads_each
from harvest.workers import Executor, ItemWorker, Outcome, Progress, Workers
from storage.commit import resume, scratch_folder, worker_name
from storage.errors import HostClosed, LedgerError
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.stage_cache import prune

Watch = Callable[["Asked | Progress | Ended"], None]
"""Called with each event, for progress bars."""

_WAIT_S = 0.5
_LOOK_S = 2.0
"""How often an idle run checks whether other runs have released its items."""

_log = logging.getLogger(__name__)


class Asked:
    """Event: the sources of this call are known; `to_do` of them will be worked on."""

    def __init__(self, sources: Sequence[Source], to_do: int) -> None:
        self.sources, self.to_do = sources, to_do


class Ended:
    """Event: one item has ended, with its error or its count of tracklets."""

    def __init__(self, source: Source, error: HarvestError | None, tracklets: int) -> None:
        self.source, self.error, self.tracklets = source, error, tracklets


class Session:
    """Claims items, keeps the workers busy, commits what they bring, and notes how each item ended in `errors`."""

    def __init__(
        self, lake: Lake, ledger: Ledger, config: HarvestConfig, sources: dict[str, Source], tell: Watch
    ) -> None:
        self._lake, self._ledger, self._config = lake, ledger, config
        self._sources, self._tell = sources, tell
        self._name = worker_name()
        ledger.leases.beat(self._name, config.lease_s)
        self._scratch = _scratch(lake, ledger, self._name)
        self._shard = Shard(lake, ledger, self._name, max_videos=config.shard_videos, max_seconds=config.shard_seconds)
        threads = threads_each(config.threads, config.workers, len(sources))
        self._workers = _engine(replace(config, threads=threads), self._scratch, ledger.url)
        self._pace = Pace(ledger, config.pace)
        self._known = KnownVideos.of([Lake(other, create=False) for other in config.apart_from])
        self._working: set[str] = set()
        self._queue: list[tuple[float, Source]] = []
        self._tries: dict[str, int] = {}
        self._patient_until = self._looked_at = time.monotonic()
        self._others = 0
        self.errors: dict[str, HarvestError] = {}

    def work(self) -> None:
        """Works until nothing can be claimed and no other run holds an item of this one's list.

        Whatever ends this, finished videos are committed and the rest given back.
        """
        with self._ledger.leases.beating(self._name, self._config.lease_s):
            self._ledger.leases.plan(self._name, list(self._sources))
            try:
                while self._goes_on():
                    for event in self._workers.events(_WAIT_S):
                        self._on(event)
                    if not self._working:
                        time.sleep(_WAIT_S / 5)
                    if self._shard.due:
                        _log.info("%d items are in the lake", len(self._shard.commit()))
            finally:
                self._workers.close()
                self._shard.commit()
                self._ledger.release(self._name)
                self._clean_up()

    def _clean_up(self) -> None:
        """Prunes the stage files. A lake on S3 keeps none of them: `erase` would not find those on this machine."""
        if self._lake.layout.remote:
            shutil.rmtree(self._scratch, ignore_errors=True)
        else:
            prune(self._scratch, self._config.stage_cache_gb * 1e9)

    def _goes_on(self) -> bool:
        """Whether an item is worked on or waited for. The clock is read first: an item may come due meanwhile."""
        patient = time.monotonic() < self._patient_until
        return bool(self._fill() or self._working or self._queue or patient or self._others_hold_some())

    def _others_hold_some(self) -> bool:
        """Whether another run holds an item of this run's list. Also settles half-done commits of dead runs."""
        if not self._config.wait_for_others:
            return False
        if not self._others or time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            before, self._others = self._others, self._ledger.leases.held_by_others(self._name, self._name)
            if self._others:
                self._shard.commit()
                resume(self._lake, self._ledger)
            if self._others and not before:
                _log.warning("waiting for %d items that other runs hold (--no-wait leaves them)", self._others)
        return self._others > 0

    def _fill(self) -> bool:
        """Gives every idle worker an item whose host may be asked now. Returns whether any worker got one."""
        given = False
        while self._workers.idle:
            source = self._next_due() or self._claim()
            if source is None:
                break
            self._working.add(source.item_id)
            _log.info("begins: %s", source.name, extra={"item": source.item_id})
            self._workers.submit(source)
            given = True
        return given

    def _next_due(self) -> Source | None:
        """A claimed source that has waited long enough for its host."""
        self._queue.sort(key=lambda pair: pair[0])
        if self._queue and self._queue[0][0] <= time.monotonic():
            return self._queue.pop(0)[1]
        return None

    def _claim(self) -> Source | None:
        """A source to start now. If its host asks for a short wait, it is queued; for a long wait it stays pending."""
        while len(self._queue) < self._workers.idle:
            source = self._lease()
            if source is None:
                return None
            if source.problem is not None:  # known to be bad without a look: no worker for it
                self._on(Outcome(source, None, source.problem, 0.0))
                continue
            self._tries[source.item_id] = self._tries.get(source.item_id, 0) + 1
            try:
                wait = self._pace.wait_s(source)
            except HostClosed:
                self._ledger.put_back(source.item_id, "host_budget")
                return None
            if wait <= 0:
                return source
            self._queue.append((time.monotonic() + wait, source))
        return None

    def _lease(self) -> Source | None:
        """Leases the first source, in order, that is pending or due and that no other run holds."""
        claims = self._ledger.claim(self._name, 1, self._config.lease_s, plan=self._name)
        return self._sources[claims[0].item.item_id] if claims else None

    def _again(self, item_id: str, error: HarvestError) -> bool:
        """Whether this run waits for the item's next try."""
        wait, pace = error.retry_after_s, self._config.pace
        return wait is not None and wait <= pace.patience_s and self._tries.get(item_id, 0) < pace.tries

    def _on(self, event: Progress | Outcome[LabelledVideo]) -> None:
        if isinstance(event, Progress):
            self._tell(event)
            return
        event = self._without_erased_likeness(event)
        item_id = event.source.item_id
        _log_outcome(event)
        self._working.discard(item_id)
        self.errors.pop(item_id, None)
        if event.labelled:
            self._keep(event.source, event.labelled)
        error = event.error or (event.labelled.rejection if event.labelled else None)
        if error:
            self.errors[item_id] = error
        if event.error:
            self._end(event.source, event.error)
        if error and self._again(item_id, error):
            self._ledger.leases.want_again(self._name, item_id)
        else:
            self._tell(Ended(event.source, error, event.labelled.n_tracklets if event.labelled else 0))

    def _without_erased_likeness(self, outcome: Outcome[LabelledVideo]) -> Outcome[LabelledVideo]:
        """The outcome, as a rejection if the video looks like one that was erased with its likeness remembered."""
        rows = outcome.labelled.rows["videos"] if outcome.labelled else []
        prints = [print_ for row in rows for print_ in row["fingerprints"]]
        if not self._ledger.tombstones.resembles(prints):
            return outcome
        self._lake.disk.delete_folder(self._lake.layout.source_cache(outcome.source.item_id))
        error = Erased(outcome.source.name, "looks like a video that was erased from this lake")
        return replace(outcome, labelled=None, error=error)

    def _keep(self, source: Source, labelled: LabelledVideo) -> None:
        """Adds labels to the next commit. A copy of a video that the lake has keeps only its row of `videos`."""
        (video,) = labelled.rows["videos"]
        prints = list(video["fingerprints"])
        if labelled.n_tracklets:
            likeness = (source.item_id, video["content_sha256"], prints)
            original = self._known.original_of(*likeness) or self._ledger.copies.keep(*likeness)
            if original:
                labelled.reject_all(_copy(source, original))
        self._shard.add(source.item_id, labelled)

    def _end(self, source: Source, error: HarvestError) -> None:
        self._pace.note(source, error)
        if self._again(source.item_id, error):
            self._patient_until = max(self._patient_until, time.monotonic() + (error.retry_after_s or 0) + 1)
        with suppress(LedgerError):  # the lease ran out: the item is somebody else's by now
            if isinstance(error, SourceRejected):
                self._ledger.reject(source.item_id, self._name, error.reason, evidence={"message": error.message})
            else:
                self._ledger.fail(
                    source.item_id, self._name, error.reason,
                    error_class=type(error).__name__, retry_in_s=error.retry_after_s, message=error.message,
                )  # fmt: skip


def _engine(
    config: HarvestConfig, scratch: Path, ledger_url: str
) -> Executor[Source, Progress | Outcome[LabelledVideo]]:
    if config.engine == "ray":
        from harvest.ray_engine import RayWorkers

        return RayWorkers(config, scratch, ledger_url)
    return Workers(config, scratch, ledger_url, ItemWorker)


def _log_outcome(event: Outcome[LabelledVideo]) -> None:
    """Logs one line for the end of an item: its tracklets, or why it has none."""
    error = event.error or (event.labelled.rejection if event.labelled else None)
    tracklets = event.labelled.n_tracklets if event.labelled else 0
    end = f"{error.reason}: {error.message}" if error else f"{tracklets} tracklets"
    _log.info("ends after %.1f s: %s: %s", event.seconds, event.source.name, end, extra={"item": event.source.item_id})


def _copy(source: Source, original: str) -> Duplicate:
    lake, _, item_id = original.rpartition(":")
    return Duplicate(source.name, f"is a copy of item {item_id[:16]}, which {lake or 'the lake'} has")


def _scratch(lake: Lake, ledger: Ledger, worker: str) -> Path:
    """The folder of files that are worked on: the lake's cache, or a local folder of this run if the lake is on S3."""
    return scratch_folder(ledger, worker, Path("hmmr-downloads")) if lake.layout.remote else Path(lake.layout.cache)
