"""Every run with what made it (snapshot, checkpoint, commit, command), its learning curves, and the state of the lake
that it read.

A learning curve says whether a point of the data-scale curve had converged, or had begun to overfit.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass

from dashboard.charts import Axis, Chart, Choice, Dot, Figure, Series, chart_html, colour, dash
from dashboard.markup import Cells, Html, Panel, element, hours_text, join, left_out, short, table, when
from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_json, read_object


def runs_panel(view: LakeView) -> Panel:
    """The rows of `runs`, newest first. Points and numbers of the page link here."""
    rows = sorted(view.runs, key=lambda row: row["started_at"], reverse=True)
    heads = ["run", "kind", "started", "seconds", "snapshot", "checkpoint", "commit", "command"]
    return Panel("runs", "Runs", table("Runs, newest first", heads, [_row(row) for row in rows], limit=1000))


def _row(row: Row) -> Cells:
    anchor = element("span", short(row["run_id"], 24), id=f"run-{row['run_id']}", title=_settings(row))
    return (anchor, row["kind"], when(row["started_at"]), round(row["seconds"], 1), _code(short(row["snapshot"])),
            _code(row["checkpoint"]), _code(short(row["commit"])), _code(row["command"]))  # fmt: skip


def _code(text: str | None) -> Html | None:
    return element("code", text) if text else None


def _settings(row: Row) -> str:
    try:
        return json.dumps(read_json(row["config"]), sort_keys=True)[:600]
    except MISFIT:
        return "its configuration is no JSON"


def versions_panel(view: LakeView) -> Panel:
    """Versions of the lake's tables, its frozen snapshots, and which backend and preset made the labels."""
    versions = [(name, version if version >= 0 else "not written") for name, version in view.versions.items()]
    snapshots = [
        (element("code", frozen.digest), len(frozen.members), len(frozen.sources), hours_text(frozen.hours))
        for frozen in view.snapshots
    ]
    return Panel(
        "versions",
        "Snapshots and versions",
        join(
            table("Frozen snapshots", ["digest", "tracklets", "videos", "person-time"], snapshots),
            left_out("these snapshots are damaged: delete their files and freeze them again", view.damaged),
            table("Version of each table", ["table", "version"], versions),
            table("Who labelled", ["2D backend", "filter preset", "tracklets"], view.totals.labellers),
        ),
    )


_MOST_RUNS = 60
"""Curves of one group; beyond that nobody can tell them apart, and the page grows."""

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


def _figure(term: str, runs: list[_Learned]) -> Figure:
    series = [
        Series(run.name, [Dot(step, value, run.name, f"run-{run.run_id}") for step, value in run.points],
               colour(place), run.group, dash=dash(place // 7), width=1.5)
        for place, run in enumerate(runs)
    ]  # fmt: skip
    return Figure(Axis("step"), Axis(term), series, height=360)
