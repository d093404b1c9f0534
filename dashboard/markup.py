"""The page's HTML: templates and elements that escape what strangers wrote, tables, bars, panels, and numbers as people
read them.

What is markup already has the type Html; everything else is escaped, by Jinja2 in a template and by `element`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeGuard, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from storage.json_text import MISFIT

In = TypeVar("In")
Out = TypeVar("Out")

METRIC_NAMES: dict[str, str] = {
    "mpjpe_mm": "MPJPE (mm)",
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "accel_error_mm_frame2": "acceleration error (mm/frame²)",
    "mirrored_share": "frames better when mirrored in depth (share)",
    "pve_mm": "PVE (mm)",
}

METRIC_ORDER: tuple[str, ...] = tuple(METRIC_NAMES)
"""Reading order of tables; the curve opens on PA-MPJPE."""

VARIANT_NAMES: dict[str, str] = {
    "semi": "HMMR with pseudo-labelled film",
    "ceiling": "supervised ceiling: the same films with true 3D",
    "perfect_2d": "the same films with perfect 2D",
    "single_frame": "single frame, no temporal encoder",
    "mean_pose": "mean pose",
    "ridge": "ridge regression from φ",
    "zero_shot": "the 2D network's own 3D (zero-shot)",
    "zero_shot_smoothed": "the 2D network's own 3D, smoothed",
    "refined": "HMMR, moved onto the 2D keypoints",
    "no_film_best_step": "no film, at its own best step",
    "reprojected": "labelled 3D through random cameras",
}

_MOST_NAMED = 10
"""Misfits that a line names one by one."""


Html = Markup
"""Text that is markup already."""


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("dashboard"), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def filled(template: str, **values: Any) -> Html:
    """The template of dashboard/templates with these values; what is not Html is escaped. UndefinedError where the
    template asks for more."""
    return Html(_templates().get_template(template).render(**values))


_VOID = frozenset({"img", "br", "input", "meta", "hr", "link"})

Child = str | int | float | None

Cells = Sequence[Child]
"""One row of a table."""


def element(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """`<name attributes>children</name>`; children and attribute values are escaped unless they are Html.

    A trailing underscore of an attribute is dropped (`class_`), other underscores become hyphens
    (`aria_label`). None and False leave an attribute out, True writes it bare.
    """
    given = {key: value for key, value in attributes.items() if value is not None and value is not False}
    written = "".join(_attribute(key, value) for key, value in given.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """The children one after the other; None disappears."""
    return Html("".join(_child(child) for child in children if child is not None))


def _child(child: Child) -> str:
    return str(escape(child))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


@dataclass(frozen=True)
class Panel:
    """A section of the page. `key` is its anchor."""

    key: str
    title: str
    body: Html

    def html(self) -> Html:
        """The section with its heading, reachable by a link of the page's list."""
        alone = self.body.startswith('<p class="empty">') and self.body.count("<p") == 1
        return filled("panel.html", panel=self, alone=alone)


def table(caption: str, heads: Sequence[str], rows: Sequence[Cells], *, limit: int = 200, of: int = 0) -> Html:
    """A table in a box that scrolls sideways and takes the keyboard's focus.

    Rows after `limit` are counted in a last line, so that a lake with a million videos still gives a page that opens;
    `of` is how many rows there are where `rows` holds only the first.
    """
    if not rows:
        return element("p", f"{caption}: none yet.", class_="empty")
    cells = [[_cell(value) for value in row] for row in rows[:limit]]
    numeric = [any(_is_number(row[place]) for row in rows[:limit]) for place in range(len(heads))]
    return filled("table.html", caption=caption, heads=list(zip(heads, numeric, strict=True)), rows=cells,
                  more=max(len(rows) - limit, of - len(rows[:limit]), 0))  # fmt: skip


def folded(summary: str, *children: Child) -> Html:
    """What most readers skip: closed until its summary is clicked or given Enter."""
    return element("details", element("summary", summary), *children)


def facts(pairs: Sequence[tuple[str, Child]]) -> Html:
    """A few numbers side by side, each under its name."""
    return filled("facts.html", pairs=pairs)


def paragraphs(*texts: Child) -> Html:
    """Each text in its own paragraph."""
    return join(*[element("p", text) for text in texts])


def _is_number(value: Child) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Child) -> tuple[Child, bool]:
    """What stands in a cell, and whether it is a number."""
    return (number(value), True) if _is_number(value) else ("–" if value is None else value, False)


def number(value: float) -> str:
    """A number as people read it: whole numbers with commas, others with three or four digits that matter."""
    if value != value:
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def bars(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], *, of: int) -> Html:
    """`table` with a last column that draws each row's number in column `of` against the largest one."""
    largest = max((_number(row[of]) for row in rows), default=0.0)
    drawn = [(*row, _bar(_number(row[of]) / largest if largest else 0.0)) for row in rows]
    return table(caption, [*heads, ""], drawn)


def _number(value: Child) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _bar(share: float) -> Html:
    return element("span", class_="bar", style=f"width: {100 * share:.1f}%", aria_hidden="true")


def usable(items: Iterable[In], make: Callable[[In], Out]) -> tuple[list[Out], list[In]]:
    """What `make` gives for each item, and the items that it could make nothing of."""
    results, misfits = [], []
    for item in items:
        try:
            results.append(make(item))
        except MISFIT:
            misfits.append(item)
    return results, misfits


def left_out(what: str, names: Sequence[str]) -> Html | None:
    """A line that names what a panel does not show; None where it shows all."""
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return element("p", f"Left out, because {what}: {', '.join(names[:_MOST_NAMED])}{more}.", class_="quiet")


def hours_text(hours: float) -> str:
    """0.05 -> '3 min', 2.5 -> '2.5 h'."""
    if hours <= 0:
        return "0"
    if hours < 1 / 60:
        return f"{hours * 3600:.3g} s"
    if hours < 1:
        return f"{hours * 60:.3g} min"
    return f"{hours:.3g} h"


def metric_name(metric: str) -> str:
    """The metric's name with its unit; an unknown one as it is."""
    return METRIC_NAMES.get(metric, metric)


def metric_rank(metric: str) -> tuple[int, str]:
    """Sort key: known metrics in reading order, others after them by name."""
    return (METRIC_ORDER.index(metric) if metric in METRIC_NAMES else len(METRIC_ORDER), metric)


def variant_name(variant: str) -> str:
    """The variant in words; an unknown one as it is."""
    return VARIANT_NAMES.get(variant, variant)


def share_text(share: float | None) -> str:
    """0.523 -> '52 %'; None where it is not defined."""
    return "not defined" if share is None else f"{share * 100:.0f} %"


def when(moment: datetime | None) -> str:
    """A moment to the minute."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def short(digest: str | None, length: int = 12) -> str:
    """The start of a long id."""
    return (digest or "")[:length]


def clipped(text: str, length: int = 22) -> str:
    """The text, cut where it would take a chart's room; tables have it whole."""
    return text if len(text) <= length else text[: length - 1] + "…"


def between(value: Mapping[str, float]) -> str:
    """An estimate with its interval."""
    return f"{value['value']:.3g} [{value['low']:.3g}, {value['high']:.3g}]"
