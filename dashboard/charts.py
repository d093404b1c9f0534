"""Charts of the page: figures to choose from whose series can be switched off by group, their legend and colours."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.markup import Html, element, folded, hours_text, join

# Colours, marks and dashes stay apart for colour-blind readers and in grey print: the eight colours of Okabe and Ito,
# "Color Universal Design" (2008), without yellow, which vanishes on white. No two series differ by colour alone.
COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS: tuple[str, ...] = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")
DASHES: tuple[str, ...] = ("solid", "dash", "dot", "dashdot", "longdash")

_DASHES_OF = {
    "ceiling": "longdash", "ridge": "dash", "zero_shot": "dashdot", "mean_pose": "dot", "single_frame": "longdashdot",
    "no_film_best_step": "2px 8px",
}  # fmt: skip

_FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

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


def dash_of(variant: str) -> str:
    """The dash of a horizontal line by what it stands for, the same in every figure."""
    return _DASHES_OF.get(variant, "3px 6px 1px 6px")


def tinted(hex_colour: str, alpha: float) -> str:
    """The colour as rgba() with the given opacity, for bands."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


@dataclass(frozen=True)
class Choice:
    """One figure under the name that the chart's drop-down list shows."""

    name: str
    figure: go.Figure


@dataclass(frozen=True)
class Chart:
    """What one place of the page can draw. `label` says to a screen reader what is seen.

    A series belongs to the group that its trace carries in `meta`; a series without one is always drawn.
    """

    key: str
    label: str
    choices: Sequence[Choice]
    groups: Sequence[str] = ()
    group_title: str = "Compare"
    ticked: Collection[str] | None = None
    """Groups that are drawn at first; None: all. The others wait behind a fold."""


def new_figure(x_title: str, y_title: str, *, height: int = 420) -> go.Figure:
    """An empty figure in the page's look. Swiping over it scrolls the page, it does not zoom."""
    figure = go.Figure()
    axis = {
        "showgrid": True,
        "gridcolor": "rgba(128,128,128,0.25)",
        "zeroline": False,
        "linecolor": "#888",
        "automargin": True,
    }
    figure.update_layout(
        template=None, height=height, dragmode=False, hovermode="closest", font={"family": _FONT, "size": 14},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", margin={"l": 60, "r": 16, "t": 16, "b": 48},
        xaxis={**axis, "title": {"text": x_title}}, yaxis={**axis, "title": {"text": y_title}},
    )  # fmt: skip
    return figure


def chart_html(chart: Chart) -> Html:
    """The chart's place: its controls, an empty plot that the page's script fills, and the figures as JSON."""
    controls = join(_choice_list(chart), _group_boxes(chart))
    plot = element("div", class_="plot", id=f"plot-{chart.key}", role="img", aria_label=chart.label)
    legends = [legend(choice.figure, place) for place, choice in enumerate(chart.choices)]
    parts = (element("div", controls, class_="controls"), plot, *legends, data_block(chart))
    return element("div", *parts, class_="chart", data_chart=chart.key)


def data_block(chart: Chart) -> Html:
    """The figures in a block that no browser runs, and that no text inside can close."""
    listed = ",".join(_bare(choice.figure).to_json() for choice in chart.choices)
    safe = f"[{listed}]".replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Html(f'<script type="application/json" id="data-{chart.key}">{safe}</script>')


def _bare(figure: go.Figure) -> go.Figure:
    return go.Figure(figure).update_layout(showlegend=False)


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


_SVG_DASHES = {
    "solid": None,
    "dash": "7 4",
    "dot": "2 3",
    "dashdot": "7 3 2 3",
    "longdash": "12 4",
    "longdashdot": "12 3 2 3",
}
_SHAPES = {
    "circle": "M16 2a5 5 0 1 0 .01 0Z", "square": "M11 2h10v10h-10Z", "diamond": "M16 1l6 6-6 6-6-6Z",
    "triangle-up": "M16 1l6 11h-12Z", "x": "M11 2l10 10M21 2l-10 10", 
    "star": "M16 1l2 4 5 1-4 3 1 5-4-3-4 3 1-5-4-3 5-1Z", "cross": "M16 1v12M10 7h12",
}  # fmt: skip


def legend(figure: go.Figure, place: int) -> Html | None:
    """One entry a named series, marked with its group; `place` is the figure's number in its chart."""
    entries = [_entry(trace) for trace in figure.data if trace.name and trace.showlegend is not False]
    if len(entries) < 2 or figure.layout.showlegend is False:
        return None
    rest = entries[MOST_LINES:]
    more = folded(f"{len(rest)} more lines", element("ul", *rest)) if rest else None
    return element("div", element("ul", *entries[:MOST_LINES]), more, class_="legend", data_figure=place,
                   hidden=place > 0)  # fmt: skip


def _entry(trace: Any) -> Html:
    # The name is escaped for plotly already, and plotly's small HTML means the same here.
    return element("li", _swatch(trace), " ", Html(trace.name), data_group=trace.meta)


def _swatch(trace: Any) -> Html:
    line, marker = trace.line, getattr(trace, "marker", None)
    tint = str(line.color or (marker.color if marker else None) or MIDDLE)
    parts = []
    if "lines" in (trace.mode or ""):
        parts.append(element("line", x1=0, y1=7, x2=32, y2=7, stroke=tint, stroke_width=line.width or 2,
                             stroke_dasharray=_pattern(line.dash or "solid")))  # fmt: skip
    if "markers" in (trace.mode or "") and marker is not None:
        symbol = str(marker.symbol or "circle")
        hollow = symbol.endswith("-open")
        parts.append(element("path", d=_SHAPES[symbol.removesuffix("-open")], stroke=tint, stroke_width=1.5,
                             fill="none" if hollow else tint))  # fmt: skip
    return element("svg", *parts, width=32, height=14, viewBox="0 0 32 14", aria_hidden="true")


def _pattern(dash: str) -> str | None:
    """SVG's own pattern for a dash of plotly's, by name or as lengths in px."""
    return _SVG_DASHES[dash] if dash in _SVG_DASHES else dash.replace("px", "")


_MOST_TICKS = 9
_LEAST_GAP = 0.3
"""Of a doubling, between two ticks."""


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

    def _apart(self) -> list[float]:
        """The sizes without those so near to the one before that their ticks would be written over each other."""
        kept: list[float] = []
        for size in self.sizes:
            if not kept or self.place(size) - self.place(kept[-1]) >= _LEAST_GAP:
                kept.append(size)
        return kept

    def apply(self, figure: go.Figure) -> None:
        """Ticks at the sizes themselves, and the break after zero."""
        apart = self._apart()
        shown = apart[:: max(1, math.ceil(len(apart) / _MOST_TICKS))]
        figure.update_xaxes(tickvals=[self.place(size) for size in shown], ticktext=[hours_text(s) for s in shown])
        if 0.0 in self.sizes and len(self.sizes) > 1:
            figure.add_annotation(x=0.5, y=0, yref="paper", text="//", showarrow=False, font={"size": 18}, yshift=1,
                                  bgcolor="rgba(128,128,128,0.25)")  # fmt: skip
