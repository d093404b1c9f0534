"""Which part of the pool is worth most: what to harvest next."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.charts import Chart, Choice, chart_html, new_figure
from dashboard.markup import Html, element, join, plotly_text
from dashboard.palette import colour, mark
from dashboard.panel import Panel
from dashboard.panels.verdict import between
from dashboard.tables import Row, folded, table
from dashboard.units import clipped, hours_text
from dashboard.view import LakeView

_KINDS = {"per_hour": "an hour of it", "alone": "alone", "on_top": "on top of the rest", "shapley": "Shapley value"}


def which_panel(view: LakeView) -> Panel:
    """One chart and table a ranking (evaluation/study_parts.py); the newest of each question counts."""
    found = _rankings(view)
    if not found:
        body = element("p", "No ranking yet; hmmr study which makes one.", class_="empty")
        return Panel("which", "What to harvest next", body)
    choices = [Choice(_name(which), _figure(rows)) for which, rows in found]
    chart = Chart("which", "What each part of the pool is worth; the tables below hold the same numbers", choices)
    tables = [_table(_name(which), rows) for which, rows in found]
    note = element("p", "Error saved by training on the part; positive helps. Judged on dev, because it is a choice.")
    return Panel("which", "What to harvest next", join(note, chart_html(chart), folded("The numbers", *tables)))


def _rankings(view: LakeView) -> list[tuple[Mapping[str, str], Sequence[Mapping[str, Any]]]]:
    newest: dict[str, tuple[Mapping[str, str], Sequence[Mapping[str, Any]]]] = {}
    for row in sorted((row for row in view.runs if row["kind"] == "study"), key=lambda row: row["started_at"]):
        content = json.loads(row["config"] or "{}")
        if content.get("which") and content.get("ranking"):
            newest[_name(content["which"])] = (content["which"], content["ranking"])
    return list(newest.values())


def _name(which: Mapping[str, str]) -> str:
    return f"{which['study']} by {which['by']}: {which['metric']}, {which['dataset']} {which['split']}"


def _figure(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    figure = new_figure("error saved, with its 95 % interval", "", height=140 + 46 * len(rows))
    names = [plotly_text(clipped(row["group"])) for row in rows][::-1]
    for place, kind in enumerate(kind for kind in ("alone", "on_top", "shapley") if rows[0].get(kind)):
        values = [row[kind] for row in rows][::-1]
        figure.add_scatter(
            x=[v["value"] for v in values], y=[i + 0.18 * (place - 1) for i in range(len(names))], mode="markers",
            name=_KINDS[kind], marker={"color": colour(place), "symbol": mark(place), "size": 9},
            error_x={"type": "data", "symmetric": False, "array": [v["high"] - v["value"] for v in values],
                     "arrayminus": [v["value"] - v["low"] for v in values], "color": colour(place)},
        )  # fmt: skip
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    figure.add_vline(x=0, line={"color": "#555", "width": 1})
    return figure


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    listed: list[Row] = [
        (row["group"], hours_text(row["hours"]), *[between(row[kind]) if row.get(kind) else None for kind in _KINDS],
         row["surely"])
        for row in rows
    ]  # fmt: skip
    return table(name, ["part", "hours", *_KINDS.values(), "verdict"], listed)
