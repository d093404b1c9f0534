"""What each part of the pool is worth: alone, on top of the rest, and on average over all orders (Shapley).

Worth is error saved, in the unit of the metric: positive helps. Intervals come from the same two-level bootstrap as
the curve's, in which coalitions take the place of sizes.

Legend: B draws, K coalitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import numpy as np

from evaluation.study.draws import DRAWS, draw
from evaluation.study.steps import Interval, interval
from evaluation.study.table import Float, StudyTable
from evaluation.study_coalitions import MOST_SHAPLEY, Coalition


@dataclass(frozen=True)
class Worth:
    """One group. `shapley` is None where not every coalition was trained; per hour: of its added video."""

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
    found = [_worth(group, groups, column, hours[group]) for group in groups]
    return sorted(found, key=lambda one: -one.per_hour.value)


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
    """Mean over all orders of what the group saves when it joins (Shapley 1953), of each row of the columns."""
    n = len(groups)
    total_B = np.zeros_like(next(iter(column.values())))
    for coalition in _subsets([other for other in groups if other != group]):
        share = 1 / (n * comb(n - 1, len(coalition)))
        total_B = total_B + share * (column[coalition] - column[coalition | {group}])
    return total_B


def _subsets(groups: list[str]) -> list[Coalition]:
    return [frozenset(g for bit, g in enumerate(groups) if number >> bit & 1) for number in range(2 ** len(groups))]


def _interval(value_B: Float) -> Interval:
    """The first row is the estimate, the others are draws."""
    return interval(float(value_B[0]), value_B[1:])
