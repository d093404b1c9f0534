"""The one look of our progress bars: what, how many of how many, time gone, time left."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


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
