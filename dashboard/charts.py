"""A chart of the page: one or several figures to choose from, whose series can be switched off by group."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.legend import legend
from dashboard.markup import Html, element, join
from dashboard.tables import folded

_FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


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
    axis = {"showgrid": True, "gridcolor": "#e3e3e3", "zeroline": False, "linecolor": "#555", "automargin": True}
    figure.update_layout(
        template=None, height=height, dragmode=False, hovermode="closest", font={"family": _FONT, "size": 14},
        paper_bgcolor="white", plot_bgcolor="white", margin={"l": 60, "r": 16, "t": 16, "b": 48},
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
