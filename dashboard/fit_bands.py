"""Fitted laws that a study left in the lake, drawn as a line within its band.

A row of `runs` of kind "study" carries the report of evaluation/study_report.py: `config` is
{"of": {study, phi_name, dataset, split, protocol, metric}, "report": {...}}. The newest row of a setting counts.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.curve_data import Setting
from dashboard.hours_axis import HoursAxis
from dashboard.markup import plotly_text
from dashboard.palette import tinted
from dashboard.view import Row


@dataclass(frozen=True)
class Fitted:
    """The report of one study in one setting."""

    study: str
    phi_name: str
    setting: Setting
    report: Mapping[str, Any]


def fitted_studies(runs: Iterable[Row]) -> list[Fitted]:
    """The newest report of each study, feature and setting. A row that is no report is passed over."""
    newest: dict[tuple[str, str, Setting], Fitted] = {}
    for row in sorted((row for row in runs if row["kind"] == "study"), key=lambda row: row["started_at"]):
        content = json.loads(row["config"] or "{}")
        of, report = content.get("of"), content.get("report")
        if not of or not report:
            continue
        setting = Setting(of["dataset"], of["split"], of["protocol"], of["metric"])
        fitted = Fitted(of.get("study", ""), of.get("phi_name", ""), setting, report)
        newest[(fitted.study, fitted.phi_name, setting)] = fitted
    return list(newest.values())


def add_fit(figure: go.Figure, fitted: Fitted, axis: HoursAxis, tint: str, name: str) -> None:
    """The best law of the report as a thin line, its interval as a band behind it."""
    best = fitted.report.get("best_law")
    law = fitted.report.get("fits", {}).get(best) if best else None
    if not law or not law.get("curve"):
        return
    hours, value, low, high = zip(*law["curve"], strict=True)
    x = [axis.place(h) for h in hours]
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], mode="none", fill="toself", fillcolor=tinted(tint, 0.15), meta=name,
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=value, mode="lines", line={"color": tint, "width": 1.5, "dash": "dot"}, meta=name, hoverinfo="skip",
        name=f"{plotly_text(name)}: {plotly_text(best)} law with its 95 % band",
    )  # fmt: skip
