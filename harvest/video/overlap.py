"""Labels one video on two cores: decodes pictures ahead of the networks, and computes φ on a thread of its own. Also
measures the wall and CPU seconds of each stage, for the column `stage_seconds` and for benchmarks.

ONNX Runtime, OpenCV and the decoder's pipe let go of Python's lock while they work. No other stage waits for φ, and
pictures are read in order, so the labels are the same to the bit with one thread and with more.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Lock
from typing import Any, TypeVar

T = TypeVar("T")

_AHEAD = 8
"""Items that are made before they are asked for: enough for a slow picture among fast ones."""
_END: Any = object()


def threads_each(wanted: int | None, workers: int, items: int) -> int:
    """Threads of each worker: `wanted`, or else the cores of this process divided by the workers that have an item."""
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, min(workers, items)))


class Overlap:
    """Runs work on other threads than the caller's; a context manager that no thread outlives.

    With `threads` 1 there is no other thread: everything runs in the caller's.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(2, "overlap") if threads > 1 else None
        self._stopped = Event()
        self._behind: Future[None] | None = None

    def ahead(self, items: Iterator[T]) -> Iterator[T]:
        """The same items in order, made by another thread. An error of that thread is raised in the item's place."""
        if self._pool is None:
            yield from items
            return
        queue: Queue[T] = Queue(_AHEAD)
        maker = self._pool.submit(self._fill, items, queue)
        while (item := queue.get()) is not _END:
            yield item
        maker.result()

    def behind(self, task: Callable[[], None]) -> None:
        """Waits for the task before, starts this one on another thread, returns. Raises what the task before raised."""
        if self._pool is None:
            task()
            return
        self.wait()
        self._behind = self._pool.submit(task)

    def both(self, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
        """Runs two tasks at the same time and returns their results. Call it only while no task of `behind` runs."""
        if self._pool is None:
            return first(), second()
        first_future = self._pool.submit(first)
        second_result = second()
        return first_future.result(), second_result

    def wait(self) -> None:
        """Returns when the task of `behind` has ended. Raises what that task raised."""
        last, self._behind = self._behind, None
        if last is not None:
            last.result()

    def __enter__(self) -> "Overlap":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _fill(self, items: Iterator[T], queue: "Queue[T]") -> None:
        try:
            for item in items:
                self._put(queue, item)
                if self._stopped.is_set():
                    return
        finally:
            self._put(queue, _END)

    def _put(self, queue: "Queue[T]", item: T) -> None:
        while not self._stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
                return
            except Full:
                continue


Result = TypeVar("Result")


def _cpu_seconds(*, children: bool) -> float:
    """CPU seconds of this thread, since stages run side by side; with `children` also of the processes waited for."""
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

    def iterate(self, name: str, items: Iterator[Result], *, children: bool = False) -> Iterator[Result]:
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
