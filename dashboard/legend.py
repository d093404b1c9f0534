"""The legend of a figure as a list in the page: it wraps on a phone, where a legend inside the chart is cut off."""

from typing import Any

import plotly.graph_objects as go

from dashboard.markup import Html, element
from dashboard.palette import MIDDLE

_DASHES = {
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
    return element("ul", *entries, class_="legend", data_figure=place, hidden=place > 0)


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
    return _DASHES[dash] if dash in _DASHES else dash.replace("px", "")
