"""Which part of the pool is worth most: what to harvest next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.charts import Chart, Choice, chart_html, colour, mark, new_figure
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
    plotly_text,
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


def _figure(parts: Sequence[_Part]) -> go.Figure:
    figure = new_figure("error saved, with its 95 % interval", "", height=140 + 46 * len(parts))
    names = [plotly_text(clipped(part.group)) for part in parts][::-1]
    asked = [kind for kind in ("alone", "on_top", "shapley") if any(kind in part.worth for part in parts)]
    for place, kind in enumerate(asked):
        drawn = [(row, part.worth[kind]) for row, part in enumerate(reversed(parts)) if kind in part.worth]
        values = [value for _, value in drawn]
        figure.add_scatter(
            x=[v["value"] for v in values], y=[row + 0.18 * (place - 1) for row, _ in drawn], mode="markers",
            name=_KINDS[kind], marker={"color": colour(place), "symbol": mark(place), "size": 9},
            error_x={"type": "data", "symmetric": False, "array": [v["high"] - v["value"] for v in values],
                     "arrayminus": [v["value"] - v["low"] for v in values], "color": colour(place)},
        )  # fmt: skip
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    figure.add_vline(x=0, line={"color": "#555", "width": 1})
    return figure


def _table(name: str, parts: Sequence[_Part]) -> Html:
    listed: list[Cells] = [
        (part.group, hours_text(part.hours), *[between(part.worth[k]) if k in part.worth else None for k in _KINDS],
         part.verdict)
        for part in parts
    ]  # fmt: skip
    return table(name, ["part", "hours", *_KINDS.values(), "verdict"], listed)
