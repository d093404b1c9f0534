"""Cells side by side: one process each of one thread, which beats one process of two (scaling_pilot.md section 2)."""

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from flows.bars import counting_bar
from flows.cells import Cell, Ground, missing_splits, run_cell


def run_cells(cells: Sequence[Cell], ground: Ground, workers: int, title: str) -> None:
    """Run every cell that the lake has no complete scores of. The first failure is raised once the others are done."""
    todo = [cell for cell in cells if missing_splits(cell, ground)]
    if not todo:
        return
    failed: list[BaseException] = []
    context = multiprocessing.get_context("spawn")
    pool_of = ProcessPoolExecutor(min(workers, len(todo)), mp_context=context, initializer=_die_quietly)
    with counting_bar(title) as progress, pool_of as pool:
        progress(0, len(todo))
        waiting: list[Future[str]] = [pool.submit(run_cell, cell, ground) for cell in todo]
        for count, done in enumerate(as_completed(waiting), 1):
            error = done.exception()
            if error is not None:
                failed.append(error)
            progress(count, len(todo))
    if failed:
        raise failed[0]


def _die_quietly() -> None:
    """Ctrl-C reaches the workers too: they end without a word, and their training goes on from its last state."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
