"""Cells of a study as Prefect tasks: each training is a task run of the flow, with its state, its log and its name.

They run in processes of Prefect's own task runner, since a training seeds torch's global generator: two in one process
would disturb each other. A flow run that is killed leaves no training behind, and its restart runs what lacks scores.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ProcessPoolTaskRunner

from flows.study.parallel import CellsEnded, Pair, end_with_parent, train_and_score

_task = task(name="train-and-score", cache_policy=NO_CACHE, persist_result=False)(train_and_score)
_POLL_S = 0.2
"""The runner's futures cannot be waited for together."""


class TaskCells:
    """The `Executor` of a flow: Prefect's task runner, with so many processes."""

    def __init__(self, workers: int) -> None:
        self._runner = ProcessPoolTaskRunner(max_workers=workers, initializer=end_with_parent)
        self._runner.__enter__()
        self._workers = workers
        self._working: list[Any] = []

    @property
    def idle(self) -> int:
        """How many trainings can be submitted now."""
        return self._workers - len(self._working)

    def submit(self, pairs: Sequence[Pair]) -> None:
        """Begin a training."""
        cell, context = pairs[0]
        name = f"{context.study}: {cell.variant} {cell.share:g} of {cell.train.data.phi_name}, seed {cell.seed}"
        self._working.append(self._runner.submit(_task.with_options(task_run_name=name), {"pairs": list(pairs)}))

    def events(self, timeout_s: float) -> Iterator[CellsEnded]:
        """What ended within the timeout."""
        end = time.monotonic() + timeout_s
        while not any(future.wrapped_future.done() for future in self._working) and time.monotonic() < end:
            time.sleep(_POLL_S)
        for future in [future for future in self._working if future.wrapped_future.done()]:
            self._working.remove(future)
            yield CellsEnded(_error_of(future))

    def close(self) -> None:
        """Begin nothing more, and wait for what works."""
        self._runner.__exit__(None, None, None)


def _error_of(future: Any) -> BaseException | None:
    future.wait()
    if future.state.is_completed():  # its result stays in the other process
        return None
    try:
        future.result()
    except Exception as error:
        return error
    return RuntimeError(f"a training ended as {future.state.name}")
