"""Cells side by side: one process each of one thread, which beats one process of two (scaling_pilot.md section 2)."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.cells import Cell, Ground, missing_splits, run_cell


def run_cells(cells: Sequence[Cell], ground: Ground, workers: int, title: str) -> None:
    """Run every cell that the lake has no complete scores of. The first failure is raised once the others are done."""
    todo = [cell for cell in cells if missing_splits(cell, ground)]
    if not todo:
        return
    failed: list[BaseException] = []
    context = multiprocessing.get_context("spawn")
    with _bar() as bar, ProcessPoolExecutor(min(workers, len(todo)), mp_context=context) as pool:
        row = bar.add_task(title, total=len(todo))
        waiting: list[Future[str]] = [pool.submit(run_cell, cell, ground) for cell in todo]
        for done in as_completed(waiting):
            error = done.exception()
            if error is not None:
                failed.append(error)
            bar.advance(row)
    if failed:
        raise failed[0]


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
