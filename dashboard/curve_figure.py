"""The figure of one setting: points of each seed, the mean through them, ceilings and baselines as lines."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts import new_figure
from dashboard.curve_data import CURVE_VARIANTS, Curve
from dashboard.fit_bands import Fitted, add_fit
from dashboard.hours_axis import HoursAxis
from dashboard.markup import plotly_text
from dashboard.palette import MIDDLE, colour, dash_of, mark
from dashboard.units import hours_text, metric_name, variant_name


def curve_figure(all_curves: Sequence[Curve], metric: str, fits: Sequence[Fitted] = ()) -> go.Figure:
    """Error against added hours. Colour says which study and feature, mark and dash what it is."""
    grown = [curve for curve in all_curves if curve.variant in CURVE_VARIANTS]
    lines = [curve for curve in all_curves if curve.variant not in CURVE_VARIANTS]
    axis = HoursAxis.of(hours for curve in grown for hours in curve.hours)
    figure = new_figure("added pseudo-labelled video", metric_name(metric))
    for place, curve in enumerate(grown):
        _add_fits(figure, curve, fits, axis, place)
        _add_points(figure, curve, axis, place)
        _add_mean(figure, curve, axis, place)
    places = {curve.name: place for place, curve in enumerate(grown)}
    for line in lines:
        _add_line(figure, line, axis, colour(places[line.name]) if line.name in places else MIDDLE)
    axis.apply(figure)
    return figure


def _add_fits(figure: go.Figure, curve: Curve, fits: Sequence[Fitted], axis: HoursAxis, place: int) -> None:
    for fitted in fits:
        if (fitted.study, fitted.phi_name) == (curve.study, curve.phi_name):
            add_fit(figure, fitted, axis, colour(place), curve.name)


def _add_points(figure: go.Figure, curve: Curve, axis: HoursAxis, place: int) -> None:
    text = [f"seed {point.seed}, {hours_text(point.hours)}: {point.value:.2f}" for point in curve.points]
    figure.add_scatter(
        x=[axis.place(point.hours) for point in curve.points], y=[point.value for point in curve.points],
        mode="markers", name=f"{plotly_text(curve.name)}: single seeds", meta=curve.name, text=text, hoverinfo="text",
        customdata=[f"run-{point.run_id}" for point in curve.points],
        marker={"color": colour(place), "symbol": f"{mark(place)}-open", "size": 10},
    )  # fmt: skip


def _add_mean(figure: go.Figure, curve: Curve, axis: HoursAxis, place: int) -> None:
    means = [curve.mean(hours) for hours in curve.hours]
    figure.add_scatter(
        x=[axis.place(hours) for hours in curve.hours], y=means, mode="lines+markers", meta=curve.name,
        name=f"{plotly_text(curve.name)}: mean of {len(curve.seeds)} seeds",
        hovertemplate="mean %{y:.2f}<extra></extra>",
        line={"color": colour(place), "width": 3}, marker={"symbol": mark(place), "size": 9},
    )  # fmt: skip


def _add_line(figure: go.Figure, line: Curve, axis: HoursAxis, tint: str) -> None:
    right = max((axis.place(size) for size in axis.sizes), default=1.0)
    name = plotly_text(f"{variant_name(line.variant)} ({line.name})")
    figure.add_scatter(
        x=[0, max(right, 1.0)], y=[line.overall()] * 2, mode="lines", name=name,
        meta=line.name if line.phi_name else None,
        hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
        line={"color": tint, "dash": dash_of(line.variant), "width": 2},
    )  # fmt: skip
