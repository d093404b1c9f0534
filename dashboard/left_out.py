"""Rows that hold something else than they should: left out and named, so that the page of any lake is made."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from dashboard.markup import Html, element
from storage.json_text import MISFIT

In = TypeVar("In")
Out = TypeVar("Out")

_MOST_NAMED = 10


def usable(items: Iterable[In], make: Callable[[In], Out]) -> tuple[list[Out], list[In]]:
    """What `make` gives for each item, and the items that it could make nothing of."""
    made, misfits = [], []
    for item in items:
        try:
            made.append(make(item))
        except MISFIT:
            misfits.append(item)
    return made, misfits


def left_out(what: str, names: Sequence[str]) -> Html | None:
    """A line that names what a panel does not show; None where it shows all."""
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return element("p", f"Left out, because {what}: {', '.join(names[:_MOST_NAMED])}{more}.", class_="quiet")
