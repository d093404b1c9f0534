"""Wall and CPU seconds by stage, for the column `stage_seconds` and for benchmarks."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

import numpy as np

from harvest.backends.protocol import AroundBackend, PoseBackend
from harvest.phi.protocol import Phi


def _cpu_seconds(*, children: bool) -> float:
    """Of this thread, since stages run beside each other; and of the processes that this one has waited for."""
    own = time.thread_time()
    return own + sum(os.times()[2:4]) if children else own


class Stopwatch:
    """Adds up what happens inside `stage`."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}
        self._adding = Lock()

    @contextmanager
    def stage(self, name: str, *, children: bool = False) -> Iterator[None]:
        """Time of the block goes to this stage, also where two threads are in it at once. `children`: it waits for
        processes, whose time is its own, and no other thread does."""
        wall, cpu = time.perf_counter(), _cpu_seconds(children=children)
        try:
            yield
        finally:
            took = time.perf_counter() - wall, _cpu_seconds(children=children) - cpu
            with self._adding:
                spent = self.seconds.setdefault(name, {"wall": 0.0, "cpu": 0.0})
                spent["wall"] += took[0]
                spent["cpu"] += took[1]

    def rounded(self) -> dict[str, dict[str, float]]:
        """For JSON, in milliseconds' precision."""
        return {name: {key: round(value, 3) for key, value in spent.items()} for name, spent in self.seconds.items()}


class TimedBackend(AroundBackend):
    """A backend whose calls are timed."""

    def __init__(self, inner: PoseBackend, watch: Stopwatch) -> None:
        super().__init__(inner)
        self._watch = watch

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Timed as 'people'."""
        with self._watch.stage("people"):
            return self._inner.people(frames)

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Timed as 'pose'."""
        with self._watch.stage("pose"):
            return self._inner.pose(frames, boxes, expected)


class TimedPhi:
    """A φ whose calls are timed."""

    def __init__(self, inner: Phi, watch: Stopwatch) -> None:
        self._inner, self._watch = inner, watch

    @property
    def name(self) -> str:
        """Of the φ inside."""
        return self._inner.name

    @property
    def dim(self) -> int:
        """Of the φ inside."""
        return self._inner.dim

    @property
    def weights(self) -> Mapping[str, str]:
        """Of the φ inside."""
        return self._inner.weights

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Timed as 'phi'."""
        with self._watch.stage("phi"):
            return self._inner.features(frames, boxes_N4, keypoints_N25x3)
