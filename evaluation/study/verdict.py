"""Does 'more pseudo-labelled video helps, monotonically' hold, fail, or stay undecided?

delta is 1 % of the error without added video. **holds**: the trend test has p < 0.01 and no size is worse than a
smaller one by more than delta with significance. **fails**: some size is, or the error rises so from the first size to
the last, or the interval of the total gain lies inside plus or minus delta. **undecided** otherwise, and always where
the runs cannot show their own scatter.
"""

from dataclasses import dataclass
from typing import Literal

from evaluation.study.draws import Draws
from evaluation.study.steps import Step, rising_pairs, step
from evaluation.study.table import Float
from evaluation.study.trend import Trend

DELTA_SHARE = 0.01
"""Share of the zero-hour error. A smaller change counts as no change."""

LEVEL = 0.01
"""Significance level of the trend test."""

RISE_LEVEL = 0.05
"""Chance, over all pairs together, of seeing a rise where there is none. At 1 % a real rise of 11 mm passed undecided
in 7 of 100 studies of three seeds that scatter by 3 mm (docs/results/study_simulations.md)."""

Answer = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """The answer and why, in words."""

    answer: Answer
    reason: str


def verdict(hours_H: Float, draws: Draws, trend: Trend, *, scatter_known: bool) -> Verdict:
    """The verdict on a study. `scatter_known`: at least two runs of some size, so that run noise has an estimate."""
    if len(hours_H) < 2:
        return Verdict("undecided", "only one size was run")
    if not scatter_known:
        return Verdict("undecided", "one run of each size cannot show how much runs scatter")
    delta = DELTA_SHARE * abs(float(draws.mean_H[0]))
    if delta == 0:
        return Verdict("undecided", "the error without video is 0, so nothing can lower it")
    rises = rising_pairs(draws, delta, RISE_LEVEL)
    if rises:
        start, end = max(rises, key=lambda pair: draws.mean_H[pair[1]] - draws.mean_H[pair[0]])
        return Verdict("fails", _rise_reason(step(hours_H, draws, start, end), delta))
    total = step(hours_H, draws, 0, len(hours_H) - 1).change
    if -delta < total.low and total.high < delta:
        finding = f"the total change lies between {total.low:+.2f} and {total.high:+.2f}, inside ±{delta:.2f} (1 %)"
        return Verdict("fails", f"{finding}: no effect worth the name")
    if trend.p < LEVEL:
        return Verdict("holds", f"the error falls with the size ({_p(trend)}) and nowhere rises by more than 1 %")
    return Verdict("undecided", f"the trend may be luck ({_p(trend)}), and no rise is beyond doubt either")


def _p(trend: Trend) -> str:
    return f"p = {trend.p:.2g}; below {LEVEL:g} counts"


def _rise_reason(rise: Step, delta: float) -> str:
    where = f"from {rise.from_hours:g} to {rise.to_hours:g} hours"
    return f"the error rises by {rise.change.value:.2f} {where}, significantly more than {delta:.2f} (1 %)"
