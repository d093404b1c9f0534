"""Learning curves of every run: whether a point of the data-scale curve had converged, or had begun to overfit."""

import json
from collections import defaultdict
from typing import Any

import plotly.graph_objects as go

from dashboard.charts import Chart, Choice, chart_html, new_figure
from dashboard.markup import element, plotly_text
from dashboard.palette import colour, dash
from dashboard.panel import Panel
from dashboard.units import short
from dashboard.view import LakeView

_MOST_RUNS = 40
"""Curves in one figure; beyond that nobody can tell them apart, and the page grows."""

_MOST_NAMED = 12
"""Lines that a legend is of use for; the others say their name when pointed at."""

_Series = tuple[str, list[tuple[float, float]]]


def learning_panel(view: LakeView) -> Panel:
    """One figure a term, one line a run, the newest runs first."""
    terms: dict[str, list[_Series]] = defaultdict(list)
    for row in sorted(view.runs, key=lambda row: row["started_at"], reverse=True):
        for term, series in read_curves(row["curves"]).items():
            if len(terms[term]) < _MOST_RUNS:
                terms[term].append((row["run_id"], series))
    if not terms:
        return Panel("learning", "Learning curves", element("p", "No run has left a learning curve.", class_="empty"))
    choices = [Choice(term, _figure(term, runs)) for term, runs in sorted(terms.items(), key=lambda item: item[0])]
    label = "Learning curves: loss terms against optimiser steps, one line a run"
    return Panel("learning", "Learning curves", chart_html(Chart("learning", label, choices)))


def read_curves(text: str | None) -> dict[str, list[tuple[float, float]]]:
    """{term: [(step, value), ...]} of a run; a text that is no such thing gives no curve."""
    try:
        content: Any = json.loads(text or "{}")
        return {term: [(float(s), float(v)) for s, v in rows] for term, rows in content.items() if rows}
    except (ValueError, TypeError, AttributeError):
        return {}


def _figure(term: str, runs: list[_Series]) -> go.Figure:
    figure = new_figure("step", plotly_text(term), height=360)
    figure.update_layout(showlegend=len(runs) <= _MOST_NAMED)
    for place, (run_id, series) in enumerate(runs):
        name = plotly_text(short(run_id, 20))
        figure.add_scatter(
            x=[step for step, _ in series], y=[value for _, value in series], mode="lines", name=name,
            line={"color": colour(place), "dash": dash(place // 7), "width": 1.5},
            customdata=[f"run-{run_id}"] * len(series), hovertemplate=f"{name}: %{{y:.4g}} at %{{x}}<extra></extra>",
        )  # fmt: skip
    return figure
