"""Makes all films of a world on all cores. Safe to interrupt and run again: a film that is there is kept."""

import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from openworld.film.make import Film, make_film
from openworld.film.truth_file import SUFFIX
from openworld.plan import FilmPlan, plan_films
from openworld.worlds import WorldConfig

Progress = Callable[[int, int], None]
"""Called with (films done, films in all) after each film."""


def make_films(
    config: WorldConfig, out: Path, progress: Progress | None = None, *, first: int | None = None
) -> list[Film]:
    """Make every film of the world below `out`, or the `first` so many of each split, and return them in the plan's
    order.

    The same seed gives the same films, bit for bit, on any number of processes. VideoWriteError if ffmpeg fails.
    """
    planned = plan_films(config)
    earlier = Counter[str]()
    plans = []
    for plan in planned:
        if first is None or earlier[plan.split] < first:
            plans.append(plan)
        earlier[plan.split] += 1
    _remove_unfinished(out, plans)
    films: dict[str, Film] = {}
    for film in _make_all(plans, out, config.processes or _cores()):
        films[film.film_id] = film
        if progress is not None:
            progress(len(films), len(plans))
    return [films[plan.film_id] for plan in plans]


def _make_all(plans: list[FilmPlan], out: Path, processes: int) -> Iterator[Film]:
    """Yield the films as they are finished, in any order."""
    if processes == 1 or len(plans) == 1:
        with _one_thread():
            yield from (make_film(plan, out) for plan in plans)
        return
    # forkserver: a fork of a process with threads (Prefect's, say) can hang.
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker) as pool:
        try:
            for finished in as_completed([pool.submit(make_film, plan, out) for plan in plans]):
                yield finished.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _start_worker() -> None:
    """Leave Ctrl-C to the parent process, which finishes the films in work and starts no more."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: more may add up floats in another order, and the truth would differ between machines."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _remove_unfinished(out: Path, plans: list[FilmPlan]) -> None:
    """Delete what a killed process left half-written."""
    for split in {plan.split for plan in plans}:
        for folder in (out / split).glob(".making-*"):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (out / split).glob(f".*{SUFFIX}.*.tmp"):
            file.unlink(missing_ok=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
