"""Runs the cells of a study side by side, and chooses between configurations by their error on dev.

What runs them is an executor (harvest/workers.py): processes of this machine, or in a flow Prefect's task runner
(task_cells.py). The lake is the book: a cell that has its scores is not run again, whatever ran it.

Each process has one thread: two such processes do 1.6 times the work of one process with two threads
(docs/scaling_pilot.md 2).
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

import pyarrow.compute as pc

from evaluation.score import MACRO
from flows.progress import counting_bar
from flows.study.cells import Cell, StudyContext, missing_splits, run_cell, scored_sets
from hmmr_model.configs import TrainConfig
from storage.lake import Lake

if TYPE_CHECKING:
    from harvest.workers import Executor

Pair = tuple[Cell, StudyContext]


@dataclass(frozen=True)
class CellsEnded:
    """One training has ended, and has been scored for each cell that shares it unless there is an error."""

    error: BaseException | None


CellExecutor: TypeAlias = "Executor[Sequence[Pair], CellsEnded]"
Workers: TypeAlias = "int | Callable[[], CellExecutor]"
"""So many processes, or what makes another executor."""


def run_cells(cells: Sequence[Cell], context: StudyContext, workers: Workers, title: str) -> None:
    """Runs every cell that lacks scores in the lake. The first failure is raised after the other cells have ended."""
    run_pairs([(cell, context) for cell in cells], workers, title)


def run_pairs(pairs: Sequence[Pair], workers: Workers, title: str) -> None:
    """As `run_cells`, for cells of several studies. With one worker the cells run in this process."""
    have = {lake: scored_sets(lake) for lake in {context.lake for _, context in pairs}}
    todo = _by_training(
        [(cell, context) for cell, context in pairs if missing_splits(cell, context, have[context.lake])]
    )
    if not todo:
        return
    with counting_bar(title) as progress:
        progress(0, len(todo))
        if isinstance(workers, int):
            local = min(workers, len(todo))
            failed = _here(todo, progress) if workers <= 1 else _beside(todo, LocalCells(local), progress)
        else:
            failed = _beside(todo, workers(), progress)
    if failed:
        raise failed[0]


def _by_training(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Groups the cells by run id: a training that several series share runs once and is scored for each."""
    trainings: dict[str, list[Pair]] = {}
    for cell, context in pairs:
        trainings.setdefault(cell.run_id(context), []).append((cell, context))
    return list(trainings.values())


def train_and_score(pairs: Sequence[Pair]) -> None:
    """Run cells that share a training, one after the other."""
    for cell, context in pairs:
        run_cell(cell, context)


def _here(todo: Sequence[Sequence[Pair]], progress: Callable[[int, int], None]) -> list[BaseException]:
    failed: list[BaseException] = []
    for count, pairs in enumerate(todo, 1):
        try:
            train_and_score(pairs)
        except Exception as error:
            failed.append(error)
        progress(count, len(todo))
    return failed


def _beside(
    todo: Sequence[Sequence[Pair]], executor: CellExecutor, progress: Callable[[int, int], None]
) -> list[BaseException]:
    failed: list[BaseException] = []
    waiting, ended = list(todo), 0
    try:
        while ended < len(todo):
            while waiting and executor.idle:
                executor.submit(waiting.pop(0))
            for event in executor.events(_LOOK_S):
                ended += 1
                if event.error is not None:
                    failed.append(event.error)
                progress(ended, len(todo))
    finally:
        executor.close()
    return failed


_LOOK_S = 5.0


class LocalCells:
    """The `Executor` of processes of this machine, which end with this one."""

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent)
        self._workers = workers
        self._working: set[Future[None]] = set()

    @property
    def idle(self) -> int:
        """How many trainings can be submitted now."""
        return self._workers - len(self._working)

    def submit(self, pairs: Sequence[Pair]) -> None:
        """Begin a training."""
        self._working.add(self._pool.submit(train_and_score, pairs))

    def events(self, timeout_s: float) -> Iterator[CellsEnded]:
        """What ended within the timeout."""
        done, self._working = wait(self._working, timeout_s, FIRST_COMPLETED)
        for future in done:
            yield CellsEnded(future.exception())

    def close(self) -> None:
        """Begin nothing more, and wait for what works: after Ctrl-C that has ended too."""
        self._pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Ends a worker without a traceback on Ctrl-C, and when its parent was killed.

    A worker that outlived its parent would train on while the same command, run again, writes the same files.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_wait_for_the_parents_end, daemon=True).start()


def _wait_for_the_parents_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def dev_error(cells: Sequence[Cell], context: StudyContext) -> float:
    """Mean PA-MPJPE (mm) of the cells on dev; ValueError where a cell has no score on dev."""
    where = (
        pc.field("run_id").isin([cell.run_id(context) for cell in cells]) & (pc.field("study") == context.study)
        & (pc.field("dataset") == context.dev.dataset) & (pc.field("split") == "dev")
        & (pc.field("sequence") == MACRO) & (pc.field("metric") == "pa_mpjpe_mm")
    )  # fmt: skip
    rows = Lake(context.lake).read("scores", ["run_id", "value"], where).to_pylist()
    by_run = {row["run_id"]: row["value"] for row in rows}
    if len(by_run) != len({cell.run_id(context) for cell in cells}):
        raise ValueError(f"study {context.study}: a candidate has no score on dev")
    return fmean(by_run.values())


def best_on_dev(candidates: Sequence[Sequence[Cell]], context: StudyContext) -> TrainConfig:
    """The configuration with the lowest error on dev; a group of `candidates` is one configuration, a cell one seed."""
    return min(candidates, key=lambda cells: dev_error(cells, context))[0].train
