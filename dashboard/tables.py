"""Tables of a page: a caption, heads that a screen reader can follow, and a scroll of their own on a phone."""

from collections.abc import Sequence
from typing import TypeGuard

from dashboard.markup import Child, Html, element, join

Row = Sequence[Child]


def table(caption: str, heads: Sequence[str], rows: Sequence[Row], *, limit: int = 200) -> Html:
    """A table in a box that scrolls sideways and takes the keyboard's focus.

    Rows after `limit` are counted in a last line, so that a lake with a million videos still gives a page
    that opens.
    """
    if not rows:
        return element("p", f"{caption}: none yet.", class_="empty")
    body = [_row(row) for row in rows[:limit]]
    if len(rows) > limit:
        rest = f"and {len(rows) - limit:,} more rows, which the lake holds"
        body.append(element("tr", element("td", rest, colspan=len(heads), class_="more")))
    head = element("tr", *[_head(name, [row[k] for row in rows[:limit]]) for k, name in enumerate(heads)])
    inner = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)


def folded(summary: str, *children: Child) -> Html:
    """What most readers skip: closed until its summary is clicked or given Enter."""
    return element("details", element("summary", summary), *children)


def facts(pairs: Sequence[tuple[str, Child]]) -> Html:
    """A few numbers side by side, each under its name."""
    cells = [element("div", element("dt", name), element("dd", value)) for name, value in pairs]
    return element("dl", *cells, class_="facts")


def paragraphs(*texts: Child) -> Html:
    """Each text in its own paragraph."""
    return join(*[element("p", text) for text in texts])


def _head(name: str, below: Sequence[Child]) -> Html:
    """To the right over numbers."""
    if any(_is_number(value) for value in below):
        return element("th", name, scope="col", class_="number")
    return element("th", name, scope="col")


def _row(row: Row) -> Html:
    return element("tr", *[_cell(value) for value in row])


def _is_number(value: Child) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Child) -> Html:
    if _is_number(value):
        return element("td", number(value), class_="number")
    return element("td", value if value is not None else "–")


def number(value: float) -> str:
    """A number as people read it: whole numbers with commas, others with three or four digits that matter."""
    if value != value:
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
