"""The engine `ray`: decoding actors on CPUs, and network actors on GPUs (or parts of one) that answer many of them.

A worker process that holds its own networks cannot fill a GPU, since people are followed from frame to frame. Here each
decoding actor labels one video, and what it asks the networks joins what the others ask meanwhile (`Batches`). Ray
places the actors. A network actor that dies is restarted and asked again; an item whose decoding actor dies is begun
once more by a new one. The ledger remains the only book: who asked for what is not known here.

The rows of a video come back at once, its features by reference: they stay in Ray's store until they are committed.
Each node needs the package, the weights, the files that lists name, and the variables of docs/cluster.md.
N crops, D feature dimension, P people.
"""

import asyncio
import logging
import os
import shutil
import tempfile
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend, TwoLooks
from harvest.config import HarvestConfig
from harvest.errors import HarvestError, TooSlow, WorkerDied
from harvest.label import LabelledVideo
from harvest.phi.protocol import Phi, TurnedPhi
from harvest.registry import make_backend, make_phis
from harvest.sources.expand import Source
from harvest.workers import ItemWorker, Networks, Outcome, Progress, Sender, as_harvest_error, reporter
from storage.stage_cache import Deferred

Answer = Callable[[list[Any]], list[Any]]
"""Gives the answer to each question."""

_GATHER_S = 0.002
"""How long an idle network waits for more questions: short beside a frame's decoding."""
_SENT_FRAMES = 64
"""Frames that a decoding actor need not send again: the detector, the pose and φ ask about the same ones."""
_TRIES = 2
"""Of an item whose actor dies."""


class Batches:
    """Joins what many ask at the same time into calls of at most `most` questions; one call at a time by `thread`."""

    def __init__(self, answer: Answer, most: int, thread: ThreadPoolExecutor) -> None:
        self._answer, self._most, self._thread = answer, most, thread
        self._waiting: deque[tuple[list[Any], asyncio.Future[list[Any]]]] = deque()
        self._working: asyncio.Task[None] | None = None
        self.calls = self.questions = 0

    async def ask(self, questions: list[Any]) -> list[Any]:
        """The answers, in order. Raises what the network raises for these questions, never for another's."""
        if not questions:
            return []
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((questions, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        await asyncio.sleep(_GATHER_S)
        while self._waiting:
            joined = [self._waiting.popleft()]
            while self._waiting and sum(len(asked) for asked, _ in joined) + len(self._waiting[0][0]) <= self._most:
                joined.append(self._waiting.popleft())
            await self._call(joined)

    async def _call(self, joined: Sequence[tuple[list[Any], "asyncio.Future[list[Any]]"]]) -> None:
        questions = [question for asked, _ in joined for question in asked]
        self.calls, self.questions = self.calls + 1, self.questions + len(questions)
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, questions)
        except Exception as error:
            if len(joined) == 1:
                joined[0][1].set_exception(error)
            else:  # one asker's trouble is not the others'
                for alone in joined:
                    await self._call([alone])
            return
        for asked, future in joined:
            future.set_result(answers[: len(asked)])
            answers = answers[len(asked) :]


class NetworkActor:
    """Holds the networks and answers decoding actors. `describe` says what a label depends on."""

    def __init__(self, config: HarvestConfig) -> None:
        self._backend, self._phis = make_backend(config), make_phis(config.phis, config.device, config.runtime)
        device = ThreadPoolExecutor(1, thread_name_prefix="networks")
        most = config.ray.batch
        self._people = Batches(self._backend.people, most, device)
        second_look = self._backend.people_again if isinstance(self._backend, TwoLooks) else None
        self._people_again = Batches(second_look, most, device) if second_look else None
        self._poses = Batches(self._ask_poses, most, device)
        self._features = [Batches(_asker(phi), most, device) for phi in self._phis]

    def _ask_poses(self, questions: list[Any]) -> list[Any]:
        frames, boxes, expected = zip(*questions, strict=True)
        return self._backend.pose(frames, boxes, expected)

    async def describe(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Of the backend and of each φ its name, weights and sizes."""
        backend = self._backend
        of_backend = {
            "name": backend.name, "weights": dict(backend.weights), "joints": backend.joints,
            "two_looks": self._people_again is not None,
        }  # fmt: skip
        return of_backend, [
            {"name": phi.name, "weights": dict(phi.weights), "dim": phi.dim, "turned": isinstance(phi, TurnedPhi)}
            for phi in self._phis
        ]

    async def people(self, frames: Sequence[Any]) -> list[np.ndarray]:
        """As `PoseBackend.people`, of references to frames."""
        return await self._people.ask(list(await asyncio.gather(*frames)))

    async def people_again(self, frames: Sequence[Any]) -> list[np.ndarray]:
        """As `TwoLooks.people_again`, of references to frames."""
        assert self._people_again is not None
        return await self._people_again.ask(list(await asyncio.gather(*frames)))

    async def pose(
        self, frames: Sequence[Any], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None
    ) -> list[np.ndarray]:
        """As `PoseBackend.pose`, of references to frames. Nothing expected is the same as scores of 0."""
        hints = expected or [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        return await self._poses.ask(list(zip(await asyncio.gather(*frames), boxes, hints, strict=True)))

    async def features(
        self, which: int, frames: Sequence[Any], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """As `Phi.features` of φ number `which`, of references to frames."""
        crops = list(zip(await asyncio.gather(*frames), boxes_N4, keypoints_N25x3, strict=True))
        rows, zero_shots = zip(*await self._features[which].ask(crops), strict=True)
        return np.stack(rows), None if zero_shots[0] is None else np.stack(zero_shots)

    async def turns(self, which: int, keypoints_N25x3: np.ndarray) -> np.ndarray:
        """As `TurnedPhi.turns`."""
        phi = self._phis[which]
        assert isinstance(phi, TurnedPhi)
        return phi.turns(keypoints_N25x3)

    async def load(self) -> dict[str, tuple[int, int]]:
        """Calls and questions of each network so far."""
        named = {"people": self._people, "pose": self._poses}
        named |= {phi.name: batches for phi, batches in zip(self._phis, self._features, strict=True)}
        return {name: (batches.calls, batches.questions) for name, batches in named.items()}


def _asker(phi: Phi) -> Answer:
    def answer(questions: list[Any]) -> list[Any]:
        frames, boxes, keypoints = zip(*questions, strict=True)
        features_ND, zero_shot_N25x3 = phi.features(frames, np.stack(boxes), np.stack(keypoints))
        return list(zip(features_ND, [None] * len(frames) if zero_shot_N25x3 is None else zero_shot_N25x3, strict=True))

    return answer


class _Frames:
    """Puts each frame into Ray's store once, however often it is asked about."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, tuple[np.ndarray, Any]] = OrderedDict()

    def refs(self, frames: Sequence[np.ndarray]) -> list[Any]:
        return [self._ref(frame) for frame in frames]

    def _ref(self, frame: np.ndarray) -> Any:
        import ray

        known = self._sent.get(id(frame))
        if known is None or known[0] is not frame:
            self._sent[id(frame)] = known = (frame, ray.put(frame))
            if len(self._sent) > _SENT_FRAMES:
                self._sent.popitem(last=False)
        return known[1]


@dataclass(frozen=True)
class _RemoteBackend:
    """A `PoseBackend` whose networks a network actor runs."""

    actor: Any
    frames: _Frames
    name: str
    weights: dict[str, str]
    joints: tuple[str, ...]

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(_result(self.actor.people.remote(self.frames.refs(frames))))

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        return list(_result(self.actor.pose.remote(self.frames.refs(frames), list(boxes), expected and list(expected))))


class _RemoteTwoLooks(_RemoteBackend):
    def people_again(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(_result(self.actor.people_again.remote(self.frames.refs(frames))))


@dataclass(frozen=True)
class _RemotePhi:
    """A `Phi` whose network a network actor runs."""

    actor: Any
    frames: _Frames
    which: int
    name: str
    weights: dict[str, str]
    dim: int

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        refs = self.frames.refs(frames)
        features_ND, zero_shot = _result(self.actor.features.remote(self.which, refs, boxes_N4, keypoints_N25x3))
        return features_ND, zero_shot


class _RemoteTurnedPhi(_RemotePhi):
    def turns(self, keypoints_N25x3: np.ndarray) -> np.ndarray:
        return np.asarray(_result(self.actor.turns.remote(self.which, keypoints_N25x3)))


def _result(ref: Any) -> Any:
    import ray

    return ray.get(ref)


def _networks_at(actor: Any) -> Networks:
    """The networks that an actor holds, as if they were here."""
    of_backend, of_phis = _result(actor.describe.remote())
    frames = _Frames()
    phis: list[Phi] = []
    for which, of_phi in enumerate(of_phis):
        kind = _RemoteTurnedPhi if of_phi.pop("turned") else _RemotePhi
        phis.append(kind(actor, frames, which, **of_phi))
    backend_kind = _RemoteTwoLooks if of_backend.pop("two_looks") else _RemoteBackend
    remote: PoseBackend = backend_kind(actor, frames, **of_backend)
    return remote, phis


class DecodingActor:
    """Labels one video at a time, as a worker process does. `news` may be called meanwhile."""

    def __init__(
        self, config: HarvestConfig, downloads: Path, home: str, ledger_url: str, log_level: int, network: Any
    ) -> None:
        """`network` None: this actor loads the networks itself. `downloads` is a folder of the node `home`; on another
        node the files lie in a folder of their own, which is emptied after each item, since no erasure would look
        there."""
        import ray

        self._news: deque[Progress | logging.LogRecord] = deque()
        self._send = Sender(self._news.append)
        self._send.listen(log_level)
        self._away = ray.get_runtime_context().get_node_id() != home
        self._downloads = Path(tempfile.mkdtemp(prefix="hmmr-downloads-")) if self._away else downloads
        self._config, self._ledger_url, self._network = config, ledger_url, network
        self._worker: ItemWorker | None = None

    def do(self, source: Source) -> tuple[Outcome[LabelledVideo], list[dict[str, Any]]]:
        """How the item ended, and the arrays of its features, row by row."""
        began, self._send.item = time.monotonic(), source.item_id
        features: list[dict[str, Any]] = []
        labelled, error = None, None
        try:
            if self._worker is None:
                networks = None if self._network is None else _networks_at(self._network)
                self._worker = ItemWorker(self._config, self._downloads, self._ledger_url, networks)
            labelled = self._worker.do(source, reporter(self._send, source))
            for row in labelled.rows["features"]:
                features.append({name: value.read() for name, value in row.items() if isinstance(value, Deferred)})
                row |= {name: values.nbytes for name, values in features[-1].items()}
        except Exception as caught:
            labelled, error = None, as_harvest_error(source, caught)
        finally:
            if self._away:
                shutil.rmtree(self._downloads / source.item_id, ignore_errors=True)
        return Outcome(source, labelled, error, time.monotonic() - began), features

    def news(self) -> list[Progress | logging.LogRecord]:
        """Progress and log records since the last call."""
        return [self._news.popleft() for _ in range(len(self._news))]


@dataclass(frozen=True)
class RemoteFeatures(Deferred):
    """Features of one row that lie in Ray's store until they are committed."""

    ref: Any
    row: int
    name: str
    nbytes: int

    @property
    def size(self) -> int:
        """Bytes that `read` takes into memory."""
        return self.nbytes

    @property
    def there(self) -> bool:
        """Always: an erasure is noticed by its tombstone."""
        return True

    def read(self) -> NDArray[np.generic]:
        """(N, ...) the features. OSError if the machine that held them is gone."""
        import ray

        try:
            return np.asarray(ray.get(self.ref)[self.row][self.name])
        except ray.exceptions.RayError as error:
            raise OSError(f"features of a video are gone with a machine of the cluster: {error}") from error


@dataclass
class _Decoder:
    """A decoding actor, and what it does now."""

    actor: Any
    source: Source | None = None
    outcome: Any = None
    features: Any = None
    news: Any = None
    tries: int = 0
    since: float = 0.0
    heard: float = field(default_factory=time.monotonic)

    def start(self, source: Source, tries: int = 1) -> None:
        self.source, self.tries = source, tries
        self.outcome, self.features = self.actor.do.options(num_returns=2).remote(source)
        self.news = self.actor.news.remote()
        self.heard = time.monotonic()
        if tries == 1:
            self.since = self.heard


class RayWorkers:
    """The `Executor` on Ray: the cluster that RAY_ADDRESS names, or one on this machine that ends with this process."""

    def __init__(self, config: HarvestConfig, downloads: Path, ledger_url: str) -> None:
        self._ray = _start()
        on_gpu = config.device.startswith("cuda")
        # an own cluster has no more actors than were asked for, and may have fewer cores than actors
        self._cpus = 1 if os.environ.get(_ADDRESS) else 0
        network = self._ray.remote(NetworkActor).options(
            num_cpus=0 if on_gpu else self._cpus, num_gpus=config.ray.gpus if on_gpu else 0, max_restarts=-1,
            max_task_retries=-1,
        )  # fmt: skip
        # `truth` reads the video file and has no network
        count = 0 if config.backend == "truth" else config.ray.networks
        self.networks = [network.remote(config) for _ in range(count)]
        home, level = self._ray.get_runtime_context().get_node_id(), logging.getLogger("harvest").getEffectiveLevel()
        self._config, self._giving = config, (config, downloads, home, ledger_url, level)
        self._free: list[_Decoder] = []
        self._busy: list[_Decoder] = []
        self._made = 0

    @property
    def idle(self) -> int:
        """How many items can be submitted now."""
        return self._config.workers - len(self._busy)

    def submit(self, source: Source) -> None:
        """Start an item on a free actor."""
        decoder = self._free.pop() if self._free else _Decoder(self._new_actor())
        decoder.start(source)
        self._busy.append(decoder)

    def _new_actor(self) -> Any:
        network = self.networks[self._made % len(self.networks)] if self.networks else None
        self._made += 1
        decoding = self._ray.remote(DecodingActor).options(num_cpus=self._cpus, max_concurrency=2)
        return decoding.remote(*self._giving, network)

    def events(self, timeout_s: float) -> Iterator[Progress | Outcome[LabelledVideo]]:
        """What the actors report within the timeout; nothing if none is busy."""
        if not self._busy:
            return
        self._ray.wait([decoder.outcome for decoder in self._busy], timeout=timeout_s)
        for decoder in list(self._busy):
            yield from self._progress(decoder)
            ended = self._ended(decoder)
            if ended is not None:
                self._busy.remove(decoder)
                yield ended

    def _ready(self, ref: Any) -> bool:
        ready, _ = self._ray.wait([ref], timeout=0)
        return bool(ready)

    def _progress(self, decoder: _Decoder) -> Iterator[Progress]:
        if not self._ready(decoder.news):
            return
        try:
            news = self._ray.get(decoder.news)
        except self._ray.exceptions.RayActorError:
            news = []
        for event in news:
            decoder.heard = time.monotonic()
            if isinstance(event, logging.LogRecord):
                logging.getLogger(event.name).handle(event)
            else:
                yield event
        decoder.news = decoder.actor.news.remote()

    def _ended(self, decoder: _Decoder) -> Outcome[LabelledVideo] | None:
        """How the decoder's item ended; None while it works."""
        source, limit_s = decoder.source, self._config.item_seconds
        assert source is not None
        if not self._ready(decoder.outcome):
            if time.monotonic() - decoder.heard <= limit_s:
                return None
            self._ray.kill(decoder.actor)
            return _lost(decoder, TooSlow(source.name, f"its actor was silent for {limit_s:.0f} s and was killed"))
        try:
            outcome: Outcome[LabelledVideo] = self._ray.get(decoder.outcome)
        except self._ray.exceptions.RayActorError as error:
            if decoder.tries < _TRIES:
                decoder.actor = self._new_actor()
                decoder.start(source, decoder.tries + 1)
                return None
            why = str(error).splitlines()[0]
            return _lost(decoder, WorkerDied(source.name, f"its actor died {_TRIES} times ({why}; out of memory?)"))
        self._free.append(decoder)
        return _with_references(outcome, decoder.features)

    def close(self) -> None:
        """End all actors, at once. Features that were not committed stay readable while Ray runs."""
        for actor in [*(decoder.actor for decoder in self._free + self._busy), *self.networks]:
            self._ray.kill(actor)
        self._free, self._busy, self.networks = [], [], []


_LARGE = ("phi", "zero_shot_3d")
"""Columns of `features` that come by reference."""


def _with_references(outcome: Outcome[LabelledVideo], ref: Any) -> Outcome[LabelledVideo]:
    if outcome.labelled is None:
        return outcome
    rows = [
        row | {name: RemoteFeatures(ref, i, name, row[name]) for name in _LARGE if isinstance(row[name], int)}
        for i, row in enumerate(outcome.labelled.rows["features"])
    ]
    return replace(outcome, labelled=replace(outcome.labelled, rows=outcome.labelled.rows | {"features": rows}))


def _lost(decoder: _Decoder, error: HarvestError) -> Outcome[LabelledVideo]:
    assert decoder.source is not None
    return Outcome(decoder.source, None, error, time.monotonic() - decoder.since)


_ADDRESS = "RAY_ADDRESS"


def _start() -> Any:
    """The module ray, connected to $RAY_ADDRESS or to a cluster of this machine alone, on loopback, that ends with this
    process. ImportError says what to install."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        import ray
    except ImportError as error:
        raise ImportError("the engine ray is not installed: pip install 'hmmr-harvest[ray]'") from error
    if not ray.is_initialized():
        own = {"num_cpus": 1, "include_dashboard": False, "address": "local", "_node_ip_address": "127.0.0.1"}
        given: dict[str, Any] = {} if os.environ.get(_ADDRESS) else own
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **given)
    return ray
