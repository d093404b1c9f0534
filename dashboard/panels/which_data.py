"""Which part of the pool is worth most: what to harvest next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.charts import Axis, Chart, Choice, Dot, Figure, Series, chart_html, colour, mark
from dashboard.markup import (
    Cells,
    Html,
    Panel,
    between,
    clipped,
    element,
    folded,
    hours_text,
    join,
    left_out,
    table,
    usable,
)
from dashboard.view import LakeView
from storage.json_text import number, read_object, word

_KINDS = {"per_hour": "an hour of it", "alone": "alone", "on_top": "on top of the rest", "shapley": "Shapley value"}


def which_panel(view: LakeView) -> Panel:
    """One chart and table a ranking (evaluation/study/parts.py); the newest of each question counts."""
    rankings, strange = _rankings(view)
    rest = left_out("these runs carry a ranking that cannot be read", strange)
    if not rankings:
        body = element("p", "No ranking yet; hmmr study which makes one.", class_="empty")
        return Panel("which", "What to harvest next", join(body, rest))
    choices = [Choice(name, _figure(parts)) for name, parts in rankings.items()]
    chart = Chart("which", "What each part of the pool is worth; the tables below hold the same numbers", choices)
    tables = [_table(name, parts) for name, parts in rankings.items()]
    note = element("p", "Error saved by training on the part; positive helps. Judged on dev, because it is a choice.")
    return Panel("which", "What to harvest next", join(note, chart_html(chart), folded("The numbers", *tables), rest))


@dataclass(frozen=True)
class _Part:
    """A part of the pool: its worth by each question, as value, low and high."""

    group: str
    hours: float
    worth: Mapping[str, Mapping[str, float]]
    verdict: str


def _rankings(view: LakeView) -> tuple[dict[str, list[_Part]], list[str]]:
    """The parts of each question's newest ranking, and the ids of runs whose ranking cannot be read."""
    rows = sorted((row for row in view.runs if row["kind"] == "study"), key=lambda row: row["started_at"])
    read, _ = usable(rows, lambda row: (row["run_id"], read_object(row["config"])))
    ranked_runs = [(run_id, content) for run_id, content in read if content.get("which") and content.get("ranking")]
    rankings, misfits = usable(
        ranked_runs, lambda run: (_name(run[1]["which"]), [_part(raw) for raw in run[1]["ranking"]])
    )
    return dict(rankings), [run_id for run_id, _ in misfits]


def _part(raw: Mapping[str, Any]) -> _Part:
    worth = {
        kind: {name: number(raw[kind][name]) for name in ("value", "low", "high")} for kind in _KINDS if raw.get(kind)
    }
    return _Part(word(raw["group"]), number(raw["hours"]), worth, word(raw["surely"]))


def _name(which: Mapping[str, str]) -> str:
    return f"{which['study']} by {which['by']}: {which['metric']}, {which['dataset']} {which['split']}"


def _figure(parts: Sequence[_Part]) -> Figure:
    asked = [kind for kind in ("alone", "on_top", "shapley") if any(kind in part.worth for part in parts)]
    rows = list(enumerate(reversed(parts)))
    series = []
    for place, kind in enumerate(asked):
        dots = [_dot(part.worth[kind], row + 0.18 * (place - 1)) for row, part in rows if kind in part.worth]
        series.append(Series(_KINDS[kind], dots, colour(place), mark=mark(place), line=False))
    names = [(float(row), clipped(part.group)) for row, part in rows]
    axis = Axis("error saved, with its 95 % interval", zero=True)
    return Figure(axis, Axis("", names), series, height=140 + 46 * len(parts))


def _dot(worth: Mapping[str, float], height: float) -> Dot:
    return Dot(worth["value"], height, between(worth), low=worth["low"], high=worth["high"])


def _table(name: str, parts: Sequence[_Part]) -> Html:
    listed: list[Cells] = [
        (part.group, hours_text(part.hours), *[between(part.worth[k]) if k in part.worth else None for k in _KINDS],
         part.verdict)
        for part in parts
    ]  # fmt: skip
    return table(name, ["part", "hours", *_KINDS.values(), "verdict"], listed)
