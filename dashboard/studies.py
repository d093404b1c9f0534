"""What studies left in a lake, as numbers: curves from `scores`, fitted laws and comparisons from `runs`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from dashboard.markup import METRIC_NAMES, metric_name, usable
from dashboard.view import Row
from storage.json_text import number, read_object, word

MACRO = "*macro"
"""The `sequence` of a score that is the mean over sequences (storage/schema.py)."""

CURVE_VARIANTS: tuple[str, ...] = ("semi",)
"""Variants whose error is a function of the added hours; every other one is a line."""

NOT_SHOWN: tuple[str, ...] = ("candidate", "part")
"""Variants that are not drawn: trainings that only chose the number of steps, or ranked parts of the pool, on dev."""


@dataclass(frozen=True)
class Setting:
    """Two numbers may be compared only if all of these are equal."""

    dataset: str
    split: str
    protocol: str
    metric: str

    @property
    def name(self) -> str:
        """One line for a drop-down list or a caption."""
        return f"{metric_name(self.metric)}, {self.dataset} {self.split}, protocol {self.protocol}"


@dataclass(frozen=True)
class Point:
    """One trained model on one test set. `value` is in the unit of the metric, `run_id` a row of runs."""

    hours: float
    seed: int
    value: float
    run_id: str


@dataclass(frozen=True)
class Curve:
    """The points of one study, feature and variant in one setting, sorted by hours and seed."""

    study: str
    phi_name: str
    variant: str
    points: tuple[Point, ...]
    told: str = ""
    """What sets the study apart from others that it is compared with."""

    @property
    def name(self) -> str:
        """How legends call it."""
        return " · ".join(part for part in (self.study, self.told, self.phi_name) if part) or "study"

    @property
    def hours(self) -> list[float]:
        """The sizes, ascending."""
        return sorted({point.hours for point in self.points})

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return sorted({point.seed for point in self.points})

    def mean(self, hours: float) -> float:
        """Mean over the seeds at one size."""
        return fmean(point.value for point in self.points if point.hours == hours)

    def overall(self) -> float:
        """Mean over all points: what a line is drawn at."""
        return fmean(point.value for point in self.points)


def settings(scores: Iterable[Row]) -> list[Setting]:
    """Every setting that has a macro score of a known metric; rows that only count frames are left out."""
    return sorted(
        {_setting(row) for row in scores if row["sequence"] == MACRO and row["metric"] in METRIC_NAMES},
        key=lambda s: (s.split != "test", s.dataset, s.protocol, s.metric),
    )


def curves(scores: Iterable[Row], setting: Setting, words: Mapping[str, str] | None = None) -> list[Curve]:
    """The curves and lines of one setting. A cell that was scored twice counts once, by its latest score.

    `words` by study are what legends say of it beside its name.
    """
    groups: dict[tuple[str, str, str], dict[tuple[float, int], Row]] = defaultdict(dict)
    for row in scores:
        if row["sequence"] == MACRO and row["variant"] not in NOT_SHOWN and _setting(row) == setting:
            cells = groups[(row["study"] or "", row["phi_name"] or "", row["variant"])]
            cell = (row["hours"], row["seed"])
            if cell not in cells or row["scored_at"] >= cells[cell]["scored_at"]:
                cells[cell] = row
    words_by_study = words or {}
    return [
        Curve(*key, points=_points(cells.values()), told=words_by_study.get(key[0], ""))
        for key, cells in sorted(groups.items())
    ]


def gap_closed(curve: Curve, ceiling: Curve | None) -> float | None:
    """Share of the way from no pseudo-labels to the ceiling that the largest size went.

    1 means as good as true 3D of the same films, 0 means no gain, negative means worse. None without a ceiling,
    without a zero-hour point, or where the ceiling itself is no better than no film at all.

    It mirrors `gap_closed` of evaluation/study/steps.py, which adds an interval from the bootstrap. The page needs the
    plain share of the means too, for curves without a stored report. Dashboard and evaluation may not import each
    other, so a change here needs the same change there.
    """
    hours = curve.hours
    if ceiling is None or not hours or hours[0] != 0 or len(hours) < 2:
        return None
    start, end, best = curve.mean(0), curve.mean(hours[-1]), ceiling.overall()
    return (start - end) / (start - best) if start > best else None


def ceiling_of(curve: Curve, all_curves: Sequence[Curve]) -> Curve | None:
    """The supervised ceiling of the same study and feature, at its largest size."""
    for other in all_curves:
        if (other.study, other.phi_name, other.variant) == (curve.study, curve.phi_name, "ceiling"):
            top = other.hours[-1]
            points = tuple(point for point in other.points if point.hours == top)
            return replace(other, points=points)
    return None


def _setting(row: Row) -> Setting:
    return Setting(row["dataset"], row["split"], row["protocol"], row["metric"])


def _points(rows: Iterable[Row]) -> tuple[Point, ...]:
    points = [Point(row["hours"], row["seed"], row["value"], row["run_id"]) for row in rows]
    return tuple(sorted(points, key=lambda point: (point.hours, point.seed)))


MOST_STUDIES = 2
"""Studies that are shown at once before the reader picks others."""


def main_series(scores: Iterable[Row]) -> list[str]:
    """The main series of each study, newest study first.

    Series NAME/... belong to study NAME; its main one is the series that was scored first.
    """
    began: dict[str, tuple[float, str]] = {}
    for row in scores:
        if row["variant"] != "semi":
            continue
        series = row["study"] or ""
        time_and_series = (row["scored_at"].timestamp(), series)
        root = series.split("/")[0]
        began[root] = min(began.get(root, time_and_series), time_and_series)
    return [
        series
        for _, series in sorted(began.values(), key=lambda time_and_series: (-time_and_series[0], time_and_series[1]))
    ]


def shown_first(scores: Iterable[Row]) -> list[str]:
    """The main series of the newest studies."""
    return main_series(scores)[:MOST_STUDIES]


def rank(series: str, first: Sequence[str]) -> tuple[int, str]:
    """Sort key: what is shown first, then the others by name."""
    return (first.index(series) if series in first else len(first), series)


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
    reports, _ = usable(_reports(runs), _fitted)
    return list({(fitted.study, fitted.phi_name, fitted.setting): fitted for fitted in reports}.values())


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
