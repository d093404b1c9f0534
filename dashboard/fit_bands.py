"""Fitted laws that a study left in the lake, drawn as a line within its band.

A row of `runs` of kind "study" carries the report of evaluation/study/report.py: `config` is
{"of": {study, phi_name, dataset, split, protocol, metric}, "report": {...}}. The newest row of a setting counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.curve_data import Setting
from dashboard.hours_axis import HoursAxis
from dashboard.left_out import usable
from dashboard.markup import plotly_text
from dashboard.palette import tinted
from dashboard.view import Row
from storage.json_text import number, read_object, word


@dataclass(frozen=True)
class Law:
    """The best law of a report: (hours, value, low, high) of each point of its line."""

    name: str
    curve: Sequence[tuple[float, float, float, float]]


@dataclass(frozen=True)
class Fitted:
    """The report of one study in one setting, and the row of `runs` that it is from."""

    study: str
    phi_name: str
    setting: Setting
    report: Mapping[str, Any]
    law: Law | None
    run_id: str


def fitted_studies(runs: Iterable[Row]) -> list[Fitted]:
    """The newest report of each study, feature and setting. A row that is no report is passed over."""
    made, _ = usable(_reports(runs), _fitted)
    return list({(fitted.study, fitted.phi_name, fitted.setting): fitted for fitted in made}.values())


def unusable_studies(runs: Iterable[Row]) -> list[str]:
    """Ids of the rows that carry a report, but none that can be read."""
    _, misfits = usable(_reports(runs), _fitted)
    return [row["run_id"] for row, _ in misfits]


def _reports(runs: Iterable[Row]) -> list[tuple[Row, Mapping[str, Any]]]:
    """The rows with a report, the oldest first, each with its content."""
    rows = sorted((row for row in runs if row["kind"] == "study"), key=lambda row: row["started_at"])
    read, _ = usable(rows, lambda row: (row, read_object(row["config"])))
    return [(row, content) for row, content in read if content.get("of") and content.get("report")]


def _fitted(told: tuple[Row, Mapping[str, Any]]) -> Fitted:
    row, content = told
    of, report = content["of"], content["report"]
    setting = Setting(*[word(of[name]) for name in ("dataset", "split", "protocol", "metric")])
    study, phi_name = word(of.get("study", "")), word(of.get("phi_name", ""))
    return Fitted(study, phi_name, setting, report, _law(report), row["run_id"])


def _law(report: Mapping[str, Any]) -> Law | None:
    best = report.get("best_law")
    law = report.get("fits", {}).get(best) if best else None
    if not law or not law.get("curve"):
        return None
    points = [(number(h), number(v), number(low), number(high)) for h, v, low, high in law["curve"]]
    return Law(word(best), points)


def add_fit(figure: go.Figure, fitted: Fitted, axis: HoursAxis, tint: str, name: str) -> None:
    """The best law of the report as a thin line, its interval as a band behind it."""
    if fitted.law is None:
        return
    hours, value, low, high = zip(*fitted.law.curve, strict=True)
    x = [axis.place(h) for h in hours]
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], mode="none", fill="toself", fillcolor=tinted(tint, 0.15), meta=name,
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=value, mode="lines", line={"color": tint, "width": 1.5, "dash": "dot"}, meta=name, hoverinfo="skip",
        name=f"{plotly_text(name)}: {plotly_text(fitted.law.name)} law with its 95 % band",
    )  # fmt: skip
