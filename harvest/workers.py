"""What a run asks of an engine (`Executor`), and the default one: worker processes of this machine. Each takes one item
at a time, checks the policy, downloads the file, decodes and labels it, deletes the download and sends the rows back.
Only the parent writes the lake. The other engine is harvest/ray_engine.py.

If a worker dies or falls silent, its item fails and a new worker replaces it; the other items go on. Each worker is a
fresh process (spawn): networks and decoders do not survive a fork, and the address guard must not touch the parent.
"""

import logging
import multiprocessing as mp
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from harvest.backends.protocol import PoseBackend
from harvest.config import HarvestConfig
from harvest.errors import Erased, HarvestError, InternalError, TooSlow, Unreadable, WorkerDied
from harvest.fetch.pace import Pace
from harvest.fetch.policy import AGENT, Robots, check_before_contact, check_limits, licence_verdict
from harvest.label import LabelledVideo, Labeller
from harvest.phi.protocol import Phi
from harvest.registry import make_backend, make_phis
from harvest.sources.expand import Source
from storage.ledger.ledger import Ledger


@dataclass(frozen=True)
class Progress:
    """A worker's progress with its item: bytes of the stage "download" or frames of the stage "label". `total` is None
    where the host does not state the size."""

    item_id: str
    stage: str
    done: int
    total: int | None


R = TypeVar("R")
"""What a worker makes of an item: its labels, or the rows of another φ."""


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """How one item ended."""

    source: Source
    labelled: R | None
    error: HarvestError | None
    seconds: float


Work = TypeVar("Work", contravariant=True)
Event = TypeVar("Event", covariant=True)


class Executor(Protocol[Work, Event]):
    """Does pieces of work side by side: `submit` while `idle`, `events` until all is done, `close` in a finally.

    It knows no ledger: which work there is, who has it and what is finished is kept by whoever submits.
    """

    @property
    def idle(self) -> int:
        """How many pieces can be submitted now."""

    def submit(self, work: Work) -> None:
        """Start a piece of work; it must be idle."""

    def events(self, timeout_s: float) -> Iterator[Event]:
        """What was reported within the timeout. Each piece ends in one event, also if whatever did it has died."""

    def close(self) -> None:
        """End all that still works, at once."""


class Workers(Generic[R]):
    """The executor that needs nothing else: a fixed number of processes, which end with this one."""

    def __init__(self, config: HarvestConfig, downloads: Path, ledger_url: str, make: "MakeWorker") -> None:
        """`make(config, downloads, ledger_url)` is called in each process: what it returns does the items."""
        level = logging.getLogger("harvest").getEffectiveLevel()
        self._config, self._serving = config, (partial(make, config, downloads, ledger_url), level)
        self._context = mp.get_context("spawn")
        self._free: list[_Worker] = []
        self._busy: list[_Worker] = []

    @property
    def idle(self) -> int:
        """How many items can be submitted now."""
        return self._config.workers - len(self._busy)

    def submit(self, source: Source) -> None:
        """Start an item on a free worker."""
        worker = self._free.pop() if self._free else _Worker(self._context, self._serving)
        worker.start(source)
        self._busy.append(worker)

    def events(self, timeout_s: float) -> Iterator[Progress | Outcome[R]]:
        """What the workers report within the timeout; nothing if none is busy."""
        if not self._busy:
            return
        ready = set(wait([handle for worker in self._busy for handle in worker.handles], timeout=timeout_s))
        for worker in list(self._busy):
            event = worker.poll(ready, self._config.item_seconds)
            if event is None:
                continue
            if isinstance(event, logging.LogRecord):
                logging.getLogger(event.name).handle(event)
                continue
            if isinstance(event, Outcome):
                self._busy.remove(worker)
                if worker.alive:
                    self._free.append(worker)
            yield event

    def close(self) -> None:
        """End all processes, at once."""
        for worker in self._free + self._busy:
            worker.kill()
        self._free, self._busy = [], []


class _Worker:
    def __init__(self, context: Any, serving: tuple[Callable[[], Any], int]) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *serving), daemon=True)
        self._process.start()
        theirs.close()
        self._source: Source | None = None
        self._since = self._heard = 0.0

    @property
    def handles(self) -> list[Any]:
        return [self._pipe, self._process.sentinel]

    @property
    def alive(self) -> bool:
        return bool(self._process.is_alive())

    def start(self, source: Source) -> None:
        self._source = source
        self._since = self._heard = time.monotonic()
        with suppress(OSError):  # a dead process is seen by the next poll
            self._pipe.send(source)

    def poll(self, ready: set[Any], limit_s: float) -> "Progress | Outcome[Any] | logging.LogRecord | None":
        assert self._source is not None
        if self._pipe in ready:
            with suppress(EOFError, OSError):
                self._heard = time.monotonic()
                event: Progress | Outcome[Any] | logging.LogRecord = self._pipe.recv()
                return event
        if not self._process.is_alive():
            code = self._process.exitcode
            return self._lost(WorkerDied(self._source.name, f"its process died (exit code {code}; out of memory?)"))
        if time.monotonic() - self._heard > limit_s:
            self.kill()
            return self._lost(TooSlow(self._source.name, f"its process was silent for {limit_s:.0f} s and was killed"))
        return None

    def _lost(self, error: HarvestError) -> Outcome[Any]:
        assert self._source is not None
        return Outcome(self._source, None, error, time.monotonic() - self._since)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, make: Callable[[], Any], log_level: int) -> None:
    """Runs in the worker: takes items from the pipe until it closes. The parent handles Ctrl-C and writes log lines."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send = Sender(pipe.send)
    send.listen(log_level)
    worker: Any = None
    while True:
        try:
            source: Source = pipe.recv()
        except EOFError:
            return
        began, send.item = time.monotonic(), source.item_id
        labelled, error = None, None
        try:
            worker = worker or make()
            labelled = worker.do(source, reporter(send, source))
        except Exception as caught:
            error = as_harvest_error(source, caught)
        send(Outcome(source, labelled, error, time.monotonic() - began))


def as_harvest_error(source: Source, error: Exception) -> HarvestError:
    """The error with which an item ends: itself, or an InternalError that holds it."""
    if isinstance(error, HarvestError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    return InternalError(source.name, f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})")


class Sender(logging.Handler):
    """Sends a worker's results, progress and log records (with the id of their item) to the parent."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        super().__init__()
        self._send, self._sending, self.item = send, Lock(), ""

    def __call__(self, event: Any) -> None:
        with self._sending:  # φ is computed on a thread of its own, and may log too
            self._send(event)

    def listen(self, log_level: int) -> None:
        """Makes this process a worker: its log lines go to the parent, its libraries use one thread."""
        logger = logging.getLogger("harvest")
        logger.handlers, logger.propagate = [self], False
        logger.setLevel(log_level)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import cv2

        cv2.setNumThreads(1)  # its own threads would take the other workers' cores

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a record with its message as text: its arguments may not be picklable."""
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        record.item = self.item
        self(record)


def reporter(send: Sender, source: Source) -> "Report":
    """What a worker calls with its progress; it sends on every 0.3 s, and the last."""
    last = [0.0]

    def report(stage: str, done: int, total: int | None) -> None:
        if time.monotonic() - last[0] > 0.3 or done == total:
            last[0] = time.monotonic()
            send(Progress(source.item_id, stage, done, total))

    return report


Report = Callable[[str, int, "int | None"], None]
"""(stage, done, total)"""
MakeWorker = Callable[[HarvestConfig, Path, str], Any]
"""Makes an object with `do(source, report) -> R`, such as `ItemWorker`."""

Networks = tuple[PoseBackend, Sequence[Phi]]


class ItemWorker:
    """Loads the networks once, then labels item after item."""

    def __init__(
        self, config: HarvestConfig, downloads: Path, ledger_url: str, networks: "Networks | None" = None
    ) -> None:
        """`networks`: a backend and its φs that lie elsewhere; None loads the configuration's here."""
        self._config, self._downloads = config, downloads
        ledger = Ledger(ledger_url)
        self._pace, self._robots = Pace(ledger, config.pace), Robots(AGENT)
        self._graves = ledger.tombstones
        backend, phis = networks or (make_backend(config), make_phis(config.phis, config.device, config.runtime))
        self._labeller = Labeller(
            backend, phis, config.label, config.policy, cache=downloads,
            threads=config.threads or 1,
        )  # fmt: skip

    def do(self, source: Source, report: Report) -> LabelledVideo:
        """Labels one item. Raises HarvestError. A partial download stays for the next try; a whole file is deleted."""
        if source.problem is not None:
            raise source.problem
        return self._remote(source, report) if source.is_url else self._local(source, report)

    def _local(self, source: Source, report: Report) -> LabelledVideo:
        policy = self._config.policy
        check_before_contact(source, policy)
        path = Path(source.address)
        try:
            check_limits(source, policy, seconds=None, size=path.stat().st_size)
        except OSError as error:
            raise Unreadable(source.name, error.strerror or str(error)) from error
        verdict = licence_verdict(source, {}, policy)
        return self._labeller.label(
            path, source, verdict, admit=partial(self._refuse_erased, source, None),
            progress=lambda done, total: report("label", done, total),
        )  # fmt: skip

    def _refuse_erased(self, source: Source, uploader: str | None, content: str) -> None:
        """Raises Erased for content or an uploader that was erased, under whatever address it comes."""
        if self._graves.has("content", content) or (uploader and self._graves.has("uploader", uploader)):
            raise Erased(source.name, "was erased from this lake, under this address or another")

    def _remote(self, source: Source, report: Report) -> LabelledVideo:
        # yt-dlp and its extractors take half a second to import, which a file on the disk need not wait for
        from harvest.fetch.download import discard, download
        from harvest.fetch.s3 import fetch_object

        config = self._config
        fetch = fetch_object if source.is_s3 else partial(download, pace=self._pace, robots=self._robots)
        fetched = fetch(
            source, self._downloads / source.item_id, config.policy, config.download,
            progress=lambda done, total: report("download", done, total),
        )  # fmt: skip
        try:
            origin = {"title": fetched.title, "uploader": fetched.uploader, "provenance": fetched.provenance}
            return self._labeller.label(
                fetched.path, source, fetched.verdict, origin=origin,
                admit=partial(self._refuse_erased, source, fetched.uploader),
                progress=lambda done, total: report("label", done, total),
            )  # fmt: skip
        finally:
            discard(source, self._downloads / source.item_id)
