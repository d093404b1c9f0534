"""The one look of our progress bars: what, how many of how many, time gone, time left.

Bars of a harvest: one for all items with the time left, and one for each video that is being worked on.
"""

import contextlib
from collections.abc import Callable, Iterator
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


if TYPE_CHECKING:
    from harvest.session import Asked, Ended
    from harvest.workers import Progress as Step

_UNIT = {"download": 1 << 20, "label": 1}
"""Downloads are shown in MB, labels in frames."""


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
