"""What each part of the pool is worth: alone, on top of the rest, and on average over all orders (Shapley values).

A part is a group of tracklets (a source, a tag, a decile of confidence ...); a coalition is a set of parts whose film
is trained on together. The worth of a part is the error that it saves, in the unit of the metric: positive helps.
Intervals come from the two-level bootstrap of the curve, with coalitions in the place of sizes.

In the lake, coalition K of study NAME that is cut BY something is scored as study "NAME/by-BY/K", variant "part". The
ranking is a row of `runs` of kind "study" whose `config` is {"which": {...}, "ranking": [...]}.

`next_sources` sorts a source list by that ranking. The harvest takes items in the order of the list.

Legend: B draws, K coalitions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pyarrow.compute as pc

from evaluation.study.draws import DRAWS, draw
from evaluation.study.steps import Interval, interval
from evaluation.study.table import Float, StudyTable, table
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import rows_to_table

Coalition = frozenset[str]

MOST_SHAPLEY = 6
"""Groups beyond which all 2^n coalitions are too many to train."""


def coalitions(groups: Sequence[str]) -> list[Coalition]:
    """None, all, each alone, each left out; and up to six groups every other subset as well, for Shapley values."""
    every = frozenset(groups)
    needed = {frozenset(), every, *(frozenset({g}) for g in groups), *(every - {g} for g in groups)}
    if len(groups) <= MOST_SHAPLEY:
        needed |= {frozenset(part) for size in range(len(groups) + 1) for part in combinations(groups, size)}
    return sorted(needed, key=lambda coalition: (len(coalition), sorted(coalition)))


def coalition_name(coalition: Coalition) -> str:
    """Its name in `scores`: the groups, sorted; 'none' for no film."""
    return "+".join(sorted(coalition)) or "none"


def largest_groups(hours: Mapping[str, float], most: int = MOST_SHAPLEY) -> dict[str, str]:
    """Each group's own name if it is among those with the most hours; the small ones together are 'other'."""
    order = sorted(hours, key=lambda group: (-hours[group], group))
    largest = order if len(order) <= most else order[: most - 1]
    return {group: group if group in largest else "other" for group in order}


@dataclass(frozen=True)
class Worth:
    """One group. `shapley` is None where not every coalition was trained. `per_hour` is worth by hour of its video."""

    group: str
    hours: float
    alone: Interval
    on_top: Interval
    shapley: Interval | None
    per_hour: Interval

    @property
    def surely(self) -> str:
        """helps, hurts or unclear, by the interval of its worth an hour."""
        if self.per_hour.low > 0:
            return "helps"
        return "hurts" if self.per_hour.high < 0 else "unclear"


def worth(study: StudyTable, order: list[Coalition], hours: Mapping[str, float], count: int = DRAWS) -> list[Worth]:
    """Worth of every group, the best an hour first. `study` has coalition k of `order` in the place of size k."""
    draws = draw(study, count)
    groups = sorted(set().union(*order))
    error_BK = np.concatenate([draws.mean_H[None], draws.mean_H + draws.shape_BH])
    column = {coalition: error_BK[:, place] for place, coalition in enumerate(order)}
    worths = [_worth(group, groups, column, hours[group]) for group in groups]
    return sorted(worths, key=lambda worth_of: -worth_of.per_hour.value)


def _worth(group: str, groups: list[str], column: Mapping[Coalition, Float], hours: float) -> Worth:
    every = frozenset(groups)
    alone_B = column[frozenset()] - column[frozenset({group})]
    on_top_B = column[every - {group}] - column[every]
    complete = len(groups) <= MOST_SHAPLEY and set(column) >= set(_subsets(groups))
    shapley_B = shapley(group, groups, column) if complete else None
    best_B = on_top_B if shapley_B is None else shapley_B
    return Worth(
        group=group,
        hours=hours,
        alone=_interval(alone_B),
        on_top=_interval(on_top_B),
        shapley=None if shapley_B is None else _interval(shapley_B),
        per_hour=_interval(best_B / hours if hours > 0 else np.zeros_like(best_B)),
    )


def shapley(group: str, groups: list[str], column: Mapping[Coalition, Float]) -> Float:
    """Error that the group saves when it joins, the mean over all orders of joining (Shapley 1953), of each row."""
    n = len(groups)
    total_B = np.zeros_like(next(iter(column.values())))
    for coalition in _subsets([member for member in groups if member != group]):
        share = 1 / (n * comb(n - 1, len(coalition)))
        total_B = total_B + share * (column[coalition] - column[coalition | {group}])
    return total_B


def _subsets(groups: list[str]) -> list[Coalition]:
    return [frozenset(g for bit, g in enumerate(groups) if number >> bit & 1) for number in range(2 ** len(groups))]


def _interval(value_B: Float) -> Interval:
    """The first row is the estimate, the others are draws."""
    return interval(float(value_B[0]), value_B[1:])


PART = "part"
"""Variant of a model that was trained on a coalition."""


def part_study(name: str, by: str, coalition: Coalition) -> str:
    """The study name under which the scores of one coalition are stored."""
    return f"{name}/by-{by}/{coalition_name(coalition)}"


def ranking(
    lake: Lake, name: str, by: str, hours: Mapping[str, float], *, dataset: str, split: str, metric: str
) -> list[Worth]:
    """Worth of each part, best an hour first; StudyRowsError where the coalitions share no sequence."""
    order = coalitions(sorted(hours))
    place = {part_study(name, by, coalition): float(k) for k, coalition in enumerate(order)}
    where = (
        (pc.field("variant") == PART) & (pc.field("dataset") == dataset) & (pc.field("split") == split)
        & (pc.field("metric") == metric) & pc.field("study").isin(list(place))
    )  # fmt: skip
    newest_values: dict[tuple[float, str, str], float] = {}
    rows = lake.read("scores", ["study", "seed", "sequence", "value", "scored_at"], where).sort_by("scored_at")
    for row in rows.to_pylist():
        if not row["sequence"].startswith("*") and row["value"] == row["value"]:
            newest_values[(place[row["study"]], str(row["seed"]), row["sequence"])] = row["value"]
    return worth(table((*key, value) for key, value in newest_values.items()), order, hours)


def keep_ranking(
    lake: Lake, worths: list[Worth], which: Mapping[str, str], *, command: str, commit: str, began: datetime
) -> None:
    """Append a ranking to the lake's `runs`. `which` says study, by, dataset, split and metric."""
    content = {"which": dict(which), "ranking": [asdict(worth_of) | {"surely": worth_of.surely} for worth_of in worths]}
    run_id = hashlib.sha256(f"which\x1f{sorted(which.items())}".encode()).hexdigest()[:32]
    row = run_row("study", run_id, began, content, command=command, commit=commit)
    lake.append("runs", rows_to_table("runs", [row]))


def next_sources(sources: Mapping[str, Any], ranking: Sequence[Worth]) -> dict[str, Any]:
    """The list with its entries sorted: helps, not yet known, unclear; those of tags that surely hurt are left out.

    Within a class the worth an hour decides, then the list's own order. Other keys of the list stay as they are.
    """
    by_group = {worth_of.group: worth_of for worth_of in ranking}
    entries = [
        (place, entry, _best(entry, sources, by_group)) for place, entry in enumerate(sources.get("sources") or [])
    ]
    harvested = [
        (place, entry, worth_of) for place, entry, worth_of in entries if worth_of is None or worth_of.surely != "hurts"
    ]
    harvested.sort(key=lambda item: (*_rank(item[2]), item[0]))
    return {**sources, "sources": [entry for _, entry, _ in harvested]}


def _best(entry: Any, sources: Mapping[str, Any], by_group: Mapping[str, Worth]) -> Worth | None:
    own_tags = entry.get("tags") if isinstance(entry, Mapping) else None
    tags = own_tags or (sources.get("defaults") or {}).get("tags") or []
    worths = [by_group[tag] for tag in tags if tag in by_group]
    return max(worths, key=lambda worth_of: worth_of.per_hour.value) if worths else None


def _rank(worth_of: Worth | None) -> tuple[int, float]:
    if worth_of is None:
        return (1, 0.0)
    return (0 if worth_of.surely == "helps" else 2, -worth_of.per_hour.value)
