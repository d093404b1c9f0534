"""Charts of the page: figures to choose from whose series can be switched off by group, with their legend and colours.

Python says what is drawn (Figure, Series); page.js draws it with Observable Plot. A figure travels as JSON.
"""

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dashboard.markup import Html, element, folded, join

# Colours, marks and dashes stay apart for colour-blind readers and in grey print: the eight colours of Okabe and Ito,
# "Color Universal Design" (2008), without yellow, which vanishes on white. No two series differ by colour alone.
COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS: tuple[str, ...] = ("circle", "square", "diamond", "triangle", "times", "star", "plus")
DASHES: tuple[str, ...] = ("", "7 4", "2 3", "7 3 2 3", "12 4")
"""SVG's dash patterns, in px."""

MOST_LINES = 6
"""Of a legend; further ones wait behind a fold."""

LEFT, RIGHT, MIDDLE = COLOURS[0], COLOURS[1], "#333333"
"""Of a drawn skeleton, by the person's own sides."""


def colour(index: int) -> str:
    """The colour of the index-th series; they repeat after seven, with another mark and dash."""
    return COLOURS[index % len(COLOURS)]


def mark(index: int) -> str:
    """The mark of the index-th series, shifted by one after each round of the colours."""
    return MARKS[(index + index // len(COLOURS)) % len(MARKS)]


def dash(index: int) -> str:
    """The dash of the index-th line."""
    return DASHES[index % len(DASHES)]


@dataclass(frozen=True)
class Dot:
    """One place of a series. `low` and `high` are the ends of its interval on the x axis, `run` the id of a row of
    `runs` to which a click leads, `tip` what is said when it is pointed at."""

    x: float
    y: float
    tip: str = ""
    run: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """Dots of one name, joined by a line (`line`; `step` keeps its height until the next dot) or marked (`mark`).

    The series belongs to `group`; one without a group is always drawn.
    """

    name: str
    dots: Sequence[Dot]
    colour: str
    group: str | None = None
    line: bool = True
    step: bool = False
    mark: str = ""
    dash: str = ""
    width: float = 2.0


@dataclass(frozen=True)
class Axis:
    """Title with the unit, and ticks of one's own as (place, text)."""

    title: str
    ticks: Sequence[tuple[float, str]] = ()
    percent: bool = False
    zero: bool = False
    """Whether a line is drawn at 0."""


@dataclass(frozen=True)
class Figure:
    """What one place can draw; `height` in px."""

    x: Axis
    y: Axis
    series: Sequence[Series] = field(default_factory=tuple)
    height: int = 420


@dataclass(frozen=True)
class Choice:
    """One figure under the name that the chart's drop-down list shows."""

    name: str
    figure: Figure


@dataclass(frozen=True)
class Chart:
    """What one place of the page can draw. `label` says to a screen reader what is seen."""

    key: str
    label: str
    choices: Sequence[Choice]
    groups: Sequence[str] = ()
    group_title: str = "Compare"
    ticked: Collection[str] | None = None
    """Groups that are drawn at first; None: all. The others wait behind a fold."""


def chart_html(chart: Chart) -> Html:
    """The chart's place: its controls, an empty plot that the page's script fills, and the figures as JSON."""
    controls = join(_choice_list(chart), _group_boxes(chart))
    plot = element("div", class_="plot", id=f"plot-{chart.key}", role="img", aria_label=chart.label)
    legends = [legend(choice.figure, place) for place, choice in enumerate(chart.choices)]
    figures = [asdict(choice.figure) for choice in chart.choices]
    parts = (element("div", controls, class_="controls"), plot, *legends, data_block(f"data-{chart.key}", figures))
    return element("div", *parts, class_="chart", data_chart=chart.key)


def data_block(key: str, content: Any) -> Html:
    """The content as JSON in a block that no browser runs, and that no text inside can close. Numbers that JSON has no
    word for are null."""
    text = json.dumps(_finite(content), separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Html(f'<script type="application/json" id="{key}">{safe}</script>')


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _choice_list(chart: Chart) -> Html | None:
    if len(chart.choices) < 2:
        return None
    options = [element("option", choice.name, value=place) for place, choice in enumerate(chart.choices)]
    name = f"choice-{chart.key}"
    return element("label", "Show ", element("select", *options, class_="choice", id=name, name=name))


def _group_boxes(chart: Chart) -> Html | None:
    if len(chart.groups) < 2:
        return None
    open_ones = [name for name in chart.groups if chart.ticked is None or name in chart.ticked]
    rest = [name for name in chart.groups if name not in open_ones]
    more = folded(f"{len(rest)} more", *[_box(name, ticked=False) for name in rest]) if rest else None
    boxes = [_box(name, ticked=True) for name in open_ones]
    return element("fieldset", element("legend", chart.group_title), *boxes, more)


def _box(name: str, *, ticked: bool) -> Html:
    box = element("input", type="checkbox", class_="group", value=name, checked=ticked, autocomplete="off")
    return element("label", box, " ", name)


_SHAPES = {
    "circle": "M16 2a5 5 0 1 0 .01 0Z", "square": "M11 2h10v10h-10Z", "diamond": "M16 1l6 6-6 6-6-6Z",
    "triangle": "M16 1l6 11h-12Z", "times": "M11 2l10 10M21 2l-10 10",
    "star": "M16 1l2 4 5 1-4 3 1 5-4-3-4 3 1-5-4-3 5-1Z", "plus": "M16 1v12M10 7h12",
}  # fmt: skip


def legend(figure: Figure, place: int) -> Html | None:
    """One entry a series, marked with its group; `place` is the figure's number in its chart."""
    entries = [_entry(series) for series in figure.series if series.name]
    if len(entries) < 2:
        return None
    rest = entries[MOST_LINES:]
    more = folded(f"{len(rest)} more lines", element("ul", *rest)) if rest else None
    return element("div", element("ul", *entries[:MOST_LINES]), more, class_="legend", data_figure=place,
                   hidden=place > 0)  # fmt: skip


def _entry(series: Series) -> Html:
    return element("li", _swatch(series), " ", series.name, data_group=series.group)


def _swatch(series: Series) -> Html:
    parts = []
    if series.line:
        parts.append(element("line", x1=0, y1=7, x2=32, y2=7, stroke=series.colour, stroke_width=series.width,
                             stroke_dasharray=series.dash or None))  # fmt: skip
    if series.mark:
        parts.append(element("path", d=_SHAPES[series.mark], stroke=series.colour, stroke_width=1.5,
                             fill=series.colour))  # fmt: skip
    return element("svg", *parts, width=32, height=14, viewBox="0 0 32 14", aria_hidden="true")


@dataclass(frozen=True)
class HoursAxis:
    """Zero lies at 0, the smallest positive size at 1, each doubling one further."""

    smallest: float
    sizes: tuple[float, ...]

    @classmethod
    def of(cls, hours: Iterable[float]) -> "HoursAxis":
        """The axis that shows all of these sizes."""
        sizes = tuple(sorted(set(hours)))
        positive = [size for size in sizes if size > 0]
        return cls(positive[0] if positive else 1.0, sizes)

    def place(self, hours: float) -> float:
        """Where a size lies."""
        return 0.0 if hours <= 0 else 1.0 + math.log2(hours / self.smallest)
