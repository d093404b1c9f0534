"""Wall and CPU seconds by stage, for the column `stage_seconds` and for benchmarks."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


def _cpu_seconds(*, children: bool) -> float:
    """Of this thread, since stages run beside each other; and of the processes that this one has waited for."""
    own = time.thread_time()
    return own + sum(os.times()[2:4]) if children else own


class Stopwatch:
    """Adds up the time that is spent inside `stage`."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}
        """Of each stage the keys `wall` and `cpu`."""
        self._adding = Lock()

    @contextmanager
    def stage(self, name: str, *, children: bool = False) -> Iterator[None]:
        """Adds the time of the block to this stage. Two threads may be in one stage at once. `children` also counts
        the CPU time of processes for which the block waits; no other thread may wait for processes meanwhile."""
        wall, cpu = time.perf_counter(), _cpu_seconds(children=children)
        try:
            yield
        finally:
            took = time.perf_counter() - wall, _cpu_seconds(children=children) - cpu
            with self._adding:
                spent = self.seconds.setdefault(name, {"wall": 0.0, "cpu": 0.0})
                spent["wall"] += took[0]
                spent["cpu"] += took[1]

    def iterate(self, name: str, items: Iterator[T], *, children: bool = False) -> Iterator[T]:
        """The same items; the time that making each takes is added to this stage."""
        while True:
            with self.stage(name, children=children):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def rounded(self) -> dict[str, dict[str, float]]:
        """The seconds, rounded to milliseconds, for JSON."""
        return {name: {key: round(value, 3) for key, value in spent.items()} for name, spent in self.seconds.items()}
