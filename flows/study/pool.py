"""Cells side by side: one process each of one thread, which beats one process of two (docs/scaling_pilot.md section 2).

A choice between configurations, made on dev films and nowhere else.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from statistics import fmean

import pyarrow.compute as pc

from evaluation.score_rows import MACRO
from flows.progress import counting_bar
from flows.study.cells import missing_splits, run_cell, scored_sets
from flows.study.context import Cell, StudyContext
from hmmr_model.configs import TrainConfig
from storage.lake import Lake

Pair = tuple[Cell, StudyContext]


def run_cells(cells: Sequence[Cell], context: StudyContext, workers: int, title: str) -> None:
    """Run every cell that the lake has no complete scores of. The first failure is raised once the others are done."""
    run_pairs([(cell, context) for cell in cells], workers, title)


def run_pairs(pairs: Sequence[Pair], workers: int, title: str) -> None:
    """As `run_cells`, of cells of several studies. One worker is this process itself."""
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
    """Cells of several series that are one training come together: trained once, then scored for each."""
    found: dict[str, list[Pair]] = {}
    for cell, context in pairs:
        found.setdefault(cell.run_id(context), []).append((cell, context))
    return list(found.values())


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
    """Ctrl-C reaches the workers too: they end without a word, and their training goes on from its last state.

    They also end with a parent that was killed: left alone they would train on, and the same command run again would
    write the same files beside them.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def dev_error(cells: Sequence[Cell], context: StudyContext) -> float:
    """Mean PA-MPJPE in mm over the seeds' cells, on dev films; ValueError where one was not scored."""
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
    """Of groups of cells (one group a configuration, one cell a seed) the configuration with the least dev error."""
    return min(candidates, key=lambda cells: dev_error(cells, context))[0].train
