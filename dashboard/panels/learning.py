"""Learning curves of every run: whether a point of the data-scale curve had converged, or had begun to overfit."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts import Chart, Choice, chart_html, colour, dash, new_figure
from dashboard.markup import Panel, element, hours_text, plotly_text, short
from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_object

_MOST_RUNS = 60
"""Curves of one group; beyond that nobody can tell them apart, and the page grows."""

_MOST_NAMED = 12
"""Lines that a legend is of use for; the others say their name when pointed at."""

_FIRST_TERM = "keypoints_2d"

_Points = list[tuple[float, float]]


@dataclass(frozen=True)
class _Learned:
    """One run's curve of one term."""

    run_id: str
    group: str
    name: str
    points: _Points


def learning_panel(view: LakeView) -> Panel:
    """One figure a term, one line a run; runs of one feature and variant are a group, the first of which is drawn."""
    terms: dict[str, list[_Learned]] = defaultdict(list)
    counted: Counter[tuple[str, str]] = Counter()
    for row in sorted(view.runs, key=lambda row: row["started_at"], reverse=True):
        group, name = _names(row)
        for term, points in read_curves(row["curves"]).items():
            counted[term, group] += 1
            if counted[term, group] <= _MOST_RUNS:
                terms[term].append(_Learned(row["run_id"], group, name, points))
    if not terms:
        return Panel("learning", "Learning curves", element("p", "No run has left a learning curve.", class_="empty"))
    order = sorted(terms, key=lambda term: (term != _FIRST_TERM, term))
    choices = [Choice(term, _figure(term, terms[term])) for term in order]
    groups = sorted({run.group for runs in terms.values() for run in runs}, key=lambda name: ("semi" not in name, name))
    label = "Learning curves: loss terms against optimiser steps, one line a run"
    chart = Chart("learning", label, choices, groups, "Features and variants", groups[:1])
    return Panel("learning", "Learning curves", chart_html(chart))


def _names(row: Row) -> tuple[str, str]:
    """Group and name of a run, from the settings that it keeps; others go by their id."""
    try:
        config = read_object(row["config"])
        group = f"{config['data']['phi_name']} · {config['variant']}"
        return group, f"{hours_text(config['hours'])}, seed {config['seed']}, {short(row['run_id'], 8)}"
    except MISFIT:
        return "other runs", short(row["run_id"], 20)


def read_curves(text: str | None) -> dict[str, list[tuple[float, float]]]:
    """{term: [(step, value), ...]} of a run; a text that is no such thing gives no curve."""
    try:
        content = read_object(text or "{}")
        return {term: [(float(s), float(v)) for s, v in rows] for term, rows in content.items() if rows}
    except MISFIT:
        return {}


def _figure(term: str, runs: list[_Learned]) -> go.Figure:
    figure = new_figure("step", plotly_text(term), height=360)
    figure.update_layout(showlegend=len(runs) <= _MOST_NAMED)
    for place, run in enumerate(runs):
        name = plotly_text(run.name)
        figure.add_scatter(
            x=[step for step, _ in run.points], y=[value for _, value in run.points], mode="lines", name=name,
            line={"color": colour(place), "dash": dash(place // 7), "width": 1.5}, meta=run.group,
            customdata=[f"run-{run.run_id}"] * len(run.points),
            hovertemplate=f"{name}: %{{y:.4g}} at %{{x}}<extra></extra>",
        )  # fmt: skip
    return figure
