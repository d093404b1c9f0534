"""Shows progress on stderr: what is done, how many of how many, time gone and time left.

On a terminal there are bars. Elsewhere (a log, a pipe) there is a line every 10 s, and one at the end of what took
longer. With HMMR_PROGRESS=off, which `hmmr --quiet` sets, there is neither.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from harvest.session import Asked, Ended
    from harvest.workers import Progress as Step
    from hmmr_model.configs import TrainConfig

EVERY_S = 10.0
"""Time between two lines where stderr is no terminal."""
_UNIT = {"download": 1 << 20, "label": 1}
"""Downloads are shown in MB, labels in frames."""


def is_quiet() -> bool:
    """Whether the user wants no progress, or this process is not the one that speaks for its group (torchrun)."""
    return os.environ.get("HMMR_PROGRESS") == "off" or os.environ.get("RANK", "0") != "0"


class Lines:
    """A line of progress every EVERY_S seconds, from a thread of its own: a step may take minutes without a word."""

    def __init__(self, title: str, *, every_s: float = EVERY_S, stream: TextIO | None = None) -> None:
        self._title, self._every_s, self._stream = title, every_s, stream or sys.stderr
        self._began, self._done, self._total, self._detail = time.monotonic(), 0.0, 0.0, ""
        self._told = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> "Lines":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._told:
            self._write()

    def __call__(self, done: float, total: float | None, detail: str = "") -> None:
        """Note how far it is; the next line shows it."""
        self._done, self._total, self._detail = done, total or 0.0, detail

    def text(self) -> str:
        """`title: 3 of 8, 40 s gone, 67 s left; detail`."""
        gone = time.monotonic() - self._began
        count = f"{self._done:g} of {self._total:g}" if self._total else f"{self._done:g}" if self._done else "begun"
        parts = [count, f"{duration(gone)} gone"]
        if 0 < self._done < self._total:
            parts.append(f"{duration(gone / self._done * (self._total - self._done))} left")
        return f"{self._title}: {', '.join(parts)}" + (f"; {self._detail}" if self._detail else "")

    def _repeat(self) -> None:
        while not self._ended.wait(self._every_s):
            self._write()

    def _write(self) -> None:
        self._told = True
        print(self.text(), file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `1.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextlib.contextmanager
def counting_bar(title: str) -> Iterator[Callable[..., None]]:
    """Shows progress of one counted job.

    Yields a function of the number done, the total (None where it is unknown) and, if needed, a few words of detail.
    """
    console = Console(stderr=True)
    if is_quiet():
        yield lambda done, total, detail="": None
    elif not console.is_terminal:
        with Lines(title) as lines:
            yield lines
    else:
        columns = (
            TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[detail]}", markup=False),
        )  # fmt: skip
        with Progress(*columns, console=console) as bar:
            row = bar.add_task(title, total=None, detail="")
            yield lambda done, total, detail="": bar.update(row, completed=done, total=total, detail=detail)


class HarvestProgress:
    """Shows one bar for all items and one for each video in work; harvest.run calls it with each event."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        shown = console.is_terminal and not is_quiet()
        self._bars = Progress(*columns, console=console, transient=True, disable=not shown)
        self._lines = None if shown or is_quiet() else Lines("videos")
        self._all: TaskID | None = None
        self._total, self._ended = 0, 0
        self._names: dict[str, str] = {}
        self._videos: dict[str, TaskID] = {}
        self._at: dict[str, str] = {}

    def __enter__(self) -> "HarvestProgress":
        self._bars.start()
        if self._lines is not None:
            self._lines.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()
        if self._lines is not None:
            self._lines.__exit__(*exception)

    def __call__(self, event: "Asked | Step | Ended") -> None:
        """One event of the run."""
        from harvest.session import Asked, Ended

        if isinstance(event, Asked):
            self._all, self._total = self._bars.add_task("videos", total=event.to_do), event.to_do
            self._names = {source.item_id: source.name[-40:] for source in event.sources}
        elif isinstance(event, Ended):
            self._end(event)
        else:
            self._step(event)
        if self._lines is not None:
            self._lines(self._ended, self._total, ", ".join(self._at.values()))

    def _step(self, step: "Step") -> None:
        if step.item_id not in self._videos:
            self._videos[step.item_id] = self._bars.add_task("", total=None)
        unit = _UNIT[step.stage]
        done, total = step.done // unit, None if step.total is None else max(1, step.total // unit)
        what = f"{step.stage} {self._names.get(step.item_id, '')}"
        self._bars.update(self._videos[step.item_id], description=f"  {what}", completed=done, total=total)
        self._at[step.item_id] = f"{what} {done}" + ("" if total is None else f" of {total}")

    def _end(self, event: "Ended") -> None:
        task = self._videos.pop(event.source.item_id, None)
        self._at.pop(event.source.item_id, None)
        self._ended += 1
        if task is not None:
            self._bars.remove_task(task)
        if self._all is not None:
            self._bars.advance(self._all)


class TrainingProgress:
    """Called by the training loop with step, steps and weighted terms; writes them for TensorBoard too if wanted."""

    def __init__(self, config: "TrainConfig", board: Path | None) -> None:
        console = Console(stderr=True)
        shown = console.is_terminal and not is_quiet()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"), console=console, disable=not shown,
        )  # fmt: skip
        self._task = self._bar.add_task(f"training {config.preset}", total=config.steps, terms="")
        self._lines = None if shown or is_quiet() else Lines(f"training {config.preset}")
        self._began = False
        self._board: Callable[[int, dict[str, float]], None] | None = None
        if board is not None:
            from hmmr_model.train import open_board

            self._board = open_board(board / "tensorboard")

    def __call__(self, step: int, steps: int, terms: dict[str, float]) -> None:
        """Show the step; the last one closes the bar."""
        if not self._began:
            self._began = True
            self._bar.start()
            if self._lines is not None:
                self._lines.__enter__()
        shown = "  ".join(f"{name} {value:.3g}" for name, value in terms.items())
        self._bar.update(self._task, completed=step, terms=shown)
        if self._lines is not None:
            self._lines(step, steps, shown)
        if self._board is not None:
            self._board(step, terms)
        if step >= steps:
            self._bar.stop()
            if self._lines is not None:
                self._lines.__exit__()
