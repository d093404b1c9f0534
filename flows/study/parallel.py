"""Runs the cells of a study in several processes, and chooses between configurations by their error on dev.

Each process has one thread: two such processes do 1.6 times the work of one process with two threads
(docs/scaling_pilot.md 2).
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from statistics import fmean

import pyarrow.compute as pc

from evaluation.score import MACRO
from flows.progress import counting_bar
from flows.study.cells import Cell, StudyContext, missing_splits, run_cell, scored_sets
from hmmr_model.configs import TrainConfig
from storage.lake import Lake

Pair = tuple[Cell, StudyContext]


def run_cells(cells: Sequence[Cell], context: StudyContext, workers: int, title: str) -> None:
    """Runs every cell that lacks scores in the lake. The first failure is raised after the other cells have ended."""
    run_pairs([(cell, context) for cell in cells], workers, title)


def run_pairs(pairs: Sequence[Pair], workers: int, title: str) -> None:
    """As `run_cells`, for cells of several studies. With one worker the cells run in this process."""
    have = {lake: scored_sets(lake) for lake in {context.lake for _, context in pairs}}
    todo = _by_training(
        [(cell, context) for cell, context in pairs if missing_splits(cell, context, have[context.lake])]
    )
    if not todo:
        return
    with counting_bar(title) as progress:
        progress(0, len(todo))
        failed = _here(todo, progress) if workers <= 1 else _beside(todo, workers, progress)
    if failed:
        raise failed[0]


def _by_training(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Groups the cells by run id: a training that several series share runs once and is scored for each."""
    trainings: dict[str, list[Pair]] = {}
    for cell, context in pairs:
        trainings.setdefault(cell.run_id(context), []).append((cell, context))
    return list(trainings.values())


def _run(pairs: Sequence[Pair]) -> None:
    for cell, context in pairs:
        run_cell(cell, context)


def _here(todo: Sequence[Sequence[Pair]], progress: Callable[[int, int], None]) -> list[Exception]:
    failed: list[Exception] = []
    for count, pairs in enumerate(todo, 1):
        try:
            _run(pairs)
        except Exception as error:
            failed.append(error)
        progress(count, len(todo))
    return failed


def _beside(todo: Sequence[Sequence[Pair]], workers: int, progress: Callable[[int, int], None]) -> list[BaseException]:
    failed: list[BaseException] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context, initializer=_die_quietly) as pool:
        waiting: list[Future[None]] = [pool.submit(_run, pairs) for pairs in todo]
        for count, done in enumerate(as_completed(waiting), 1):
            error = done.exception()
            if error is not None:
                failed.append(error)
            progress(count, len(todo))
    return failed


def _die_quietly() -> None:
    """Ends a worker without a traceback on Ctrl-C, and when its parent was killed.

    A worker that outlived its parent would train on while the same command, run again, writes the same files.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
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
