"""Counts as a table whose rows carry a bar: seen without a script, read aloud as numbers."""

from collections.abc import Sequence

from dashboard.markup import Child, Html, element
from dashboard.tables import table


def bars(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], *, of: int) -> Html:
    """`table` with a last column that draws each row's number in column `of` against the largest one."""
    largest = max((_number(row[of]) for row in rows), default=0.0)
    drawn = [(*row, _bar(_number(row[of]) / largest if largest else 0.0)) for row in rows]
    return table(caption, [*heads, ""], drawn)


def _number(value: Child) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _bar(share: float) -> Html:
    return element("span", class_="bar", style=f"width: {100 * share:.1f}%", aria_hidden="true")
