"""Batches made ahead in a thread, so that the device does not wait for them."""

import queue
import threading
import time
from collections.abc import Iterator

from hmmr_model.batch import Batch
from hmmr_model.data import TrainingSet

AHEAD = 4
"""Batches kept ready; they are small beside the data."""


class Loader:
    """Iterates (step, batch) over a range of steps; `waited_s` is how long the caller stood still for data."""

    def __init__(self, data: TrainingSet, steps: range, rank: int, world: int) -> None:
        self._data, self._steps, self._rank, self._world = data, steps, rank, world
        self._ready: queue.Queue[tuple[int, Batch] | BaseException] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self.waited_s = 0.0

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        worker = threading.Thread(target=self._work, daemon=True)
        worker.start()
        try:
            for _ in self._steps:
                began = time.perf_counter()
                item = self._ready.get()
                self.waited_s += time.perf_counter() - began
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._stop.set()
            worker.join()

    def _work(self) -> None:
        try:
            for step in self._steps:
                if not self._put((step, self._data.batch(step, self._rank, self._world))):
                    return
        except BaseException as error:  # handed to the training loop, which raises it where it can be seen
            self._put(error)

    def _put(self, item: tuple[int, Batch] | BaseException) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
