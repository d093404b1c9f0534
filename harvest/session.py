"""The state of one call of `harvest`: who works on what, who waits for a host, what waits for its commit."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

from harvest.commit import Shard
from harvest.config import HarvestConfig
from harvest.duplicates import KnownVideos
from harvest.errors import Duplicate, HarvestError, SourceRejected
from harvest.fetch.pace import Pace
from harvest.label import LabelledVideo
from harvest.sources.expand import Source
from harvest.video.overlap import threads_each
from harvest.workers import Outcome, Progress, Workers
from storage.errors import HostClosed, LedgerError
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.recover import worker_name
from storage.stage_cache import prune

Watch = Callable[["Asked | Progress | Ended"], None]
"""Told what happens, for progress bars."""

_ONLY = (200, 20_000)
"""Ids in the first SQL query for a claim, and in each further one."""
_WAIT_S = 0.5
_RENEW_S = 120.0
"""Leases last 15 minutes."""


class Asked:
    """The sources of this call are known."""

    def __init__(self, sources: Sequence[Source], to_do: int) -> None:
        self.sources, self.to_do = sources, to_do


class Ended:
    """One item has ended."""

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
        self._shard = Shard(lake, ledger, self._name, max_videos=config.shard_videos, max_seconds=config.shard_seconds)
        threads = threads_each(config.threads, config.workers, len(sources))
        self._workers = Workers(replace(config, threads=threads), _downloads(lake), ledger.url)
        self._pace = Pace(ledger, config.pace)
        self._known = KnownVideos.of(lake, [Lake(other, create=False) for other in config.apart_from])
        self._working: set[str] = set()
        self._queue: list[tuple[float, Source]] = []
        self._tries: dict[str, int] = {}
        self._todo = dict.fromkeys(sources)
        self._patient_until = self._renewed = time.monotonic()
        self.errors: dict[str, HarvestError] = {}

    def work(self) -> None:
        """Until nothing can be claimed. Whatever ends this, finished videos are committed and the rest given back."""
        try:
            while self._goes_on():
                for event in self._workers.events(_WAIT_S):
                    self._on(event)
                if not self._working:
                    time.sleep(_WAIT_S / 5)
                if self._shard.due:
                    self._shard.commit()
                self._renew()
        finally:
            self._workers.close()
            self._shard.commit()
            self._ledger.release(self._name)
            self._prune()

    def _prune(self) -> None:
        """A lake on S3 keeps no stage files: erase would not find what lies on this machine."""
        if self._lake.layout.remote:
            prune(_downloads(self._lake), 0, younger_s=0)
        else:
            prune(_downloads(self._lake), self._config.stage_cache_gb * 1e9)

    def _goes_on(self) -> bool:
        """Whether anything is done, or waited for. The clock is read first, so that what came due meanwhile is seen."""
        patient = time.monotonic() < self._patient_until
        return bool(self._fill() or self._working or self._queue or patient)

    def _fill(self) -> bool:
        """Give every idle worker an item whose host may be asked now; says whether any was given."""
        given = False
        while self._workers.idle:
            source = self._next_due() or self._claim()
            if source is None:
                break
            self._working.add(source.item_id)
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
        """A source to start now. One that must wait for its host a while is queued, for long it is left pending."""
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
        """The first source that is still to be done, due, and nobody else's, in the order of the sources."""
        ids, start = list(self._todo), 0
        for size in chain(_ONLY[:1], repeat(_ONLY[1])):
            if start >= len(ids):
                return None
            claims = self._ledger.claim(self._name, 1, only=ids[start : start + size])
            if claims:
                item_id = claims[0].item.item_id
                del self._todo[item_id]
                return self._sources[item_id]
            start += size
        return None

    def _again(self, item_id: str, error: HarvestError) -> bool:
        """Whether this run waits for the item's next try."""
        wait, pace = error.retry_after_s, self._config.pace
        return wait is not None and wait <= pace.patience_s and self._tries.get(item_id, 0) < pace.tries

    def _on(self, event: Progress | Outcome) -> None:
        if isinstance(event, Progress):
            self._tell(event)
            return
        item_id = event.source.item_id
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
            self._todo[item_id] = None
        else:
            self._tell(Ended(event.source, error, event.labelled.n_tracklets if event.labelled else 0))

    def _keep(self, source: Source, labelled: LabelledVideo) -> None:
        """To the next commit, but for the labels of a copy of what the lake has."""
        (video,) = labelled.rows["videos"]
        prints = list(video["fingerprints"])
        original = self._known.original_of(source.item_id, video["content_sha256"], prints)
        if labelled.n_tracklets and original:
            labelled.reject_all(_copy(source, original))
        elif labelled.n_tracklets:
            self._known.add(source.item_id, video["content_sha256"], prints)
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
                    error_class=type(error).__name__, retry_in_s=error.retry_after_s,
                )  # fmt: skip

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > _RENEW_S:
            self._renewed = time.monotonic()
            held = [*self._working, *self._shard.item_ids, *(source.item_id for _, source in self._queue)]
            with suppress(LedgerError):
                self._ledger.renew(self._name, held)


def _copy(source: Source, original: str) -> Duplicate:
    lake, _, item_id = original.rpartition(":")
    return Duplicate(source.name, f"is a copy of item {item_id[:16]}, which {lake or 'the lake'} has")


def _downloads(lake: Lake) -> Path:
    """Where files lie while they are worked on: the lake's cache, or a local folder for a lake on S3."""
    return Path("hmmr-downloads").absolute() if lake.layout.remote else Path(lake.layout.cache)
