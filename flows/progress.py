"""The one look of our progress bars: what, how many of how many, time gone, time left.

Of a harvest there is one bar for all items and one for each video in work; of a training one with its loss terms.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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

_UNIT = {"download": 1 << 20, "label": 1}
"""Downloads are shown in MB, labels in frames."""


@contextlib.contextmanager
def counting_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, or lines where that is no terminal; yields a function to be told (done, in all)."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, title)
        return
    columns = (
        TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        row = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(row, completed=done, total=total)


def _lines(console: Console, title: str) -> Callable[[int, int], None]:
    """One line for each tenth of the way."""

    def tell(done: int, total: int) -> None:
        if done * 10 // max(total, 1) != (done - 1) * 10 // max(total, 1):
            console.print(f"{title}: {done} of {total}", highlight=False)

    return tell


class HarvestProgress:
    """Called by harvest.run with what happens. Draws on stderr, so that stdout keeps the report."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
        self._all: TaskID | None = None
        self._names: dict[str, str] = {}
        self._videos: dict[str, TaskID] = {}

    def __enter__(self) -> "HarvestProgress":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def __call__(self, event: "Asked | Step | Ended") -> None:
        """One event of the run."""
        from harvest.session import Asked, Ended

        if isinstance(event, Asked):
            self._all = self._bars.add_task("videos", total=event.to_do)
            self._names = {source.item_id: source.name[-40:] for source in event.sources}
        elif isinstance(event, Ended):
            self._end(event)
        else:
            self._step(event)

    def _step(self, step: "Step") -> None:
        if step.item_id not in self._videos:
            self._videos[step.item_id] = self._bars.add_task("", total=None)
        unit = _UNIT[step.stage]
        self._bars.update(
            self._videos[step.item_id],
            description=f"  {step.stage} {self._names.get(step.item_id, '')}",
            completed=step.done // unit,
            total=None if step.total is None else max(1, step.total // unit),
        )

    def _end(self, event: "Ended") -> None:
        task = self._videos.pop(event.source.item_id, None)
        if task is not None:
            self._bars.remove_task(task)
        if self._all is not None:
            self._bars.advance(self._all)


class TrainingProgress:
    """Called by the training loop with step, steps and weighted terms. Only the first process of a group speaks."""

    def __init__(self, config: "TrainConfig", board: Path | None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"), console=Console(stderr=True),
            disable=os.environ.get("RANK", "0") != "0",
        )  # fmt: skip
        self._task = self._bar.add_task(f"training {config.preset}", total=config.steps, terms="")
        self._board: Callable[[int, dict[str, float]], None] | None = None
        if board is None:
            return
        from hmmr_model.train import open_board

        self._board = open_board(board / "tensorboard")

    def __call__(self, step: int, steps: int, terms: dict[str, float]) -> None:
        """Show the step; the last one closes the bar."""
        if not self._bar.live.is_started:
            self._bar.start()
        shown = "  ".join(f"{name} {value:.3g}" for name, value in terms.items())
        self._bar.update(self._task, completed=step, terms=shown)
        if self._board is not None:
            self._board(step, terms)
        if step >= steps:
            self._bar.stop()
