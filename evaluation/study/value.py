"""What the next hour of video is worth.

Estimates come from the law that fits best. Intervals draw from all laws that fall or rise, each in proportion to its
Akaike weight (Burnham and Anderson, "Model Selection and Multimodel Inference", 2002), because beyond the largest size
the choice of the law is more uncertain than its parameters.

Legend: B draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluation.study.fits import LawFit
from evaluation.study.laws import Fits
from evaluation.study.steps import Interval, interval
from evaluation.study.table import Float

_FARTHEST = 1e4
"""Times the largest size beyond which 'hours to the target' is called out of reach."""


SURELY = 0.95
"""Share of the draws that must agree before a target is called reached, or out of reach."""


@dataclass(frozen=True)
class Reach:
    """Hours of video at which the error meets a target; None where the law never meets it.

    `share` is the share of the draws that meet it.
    """

    target: float
    hours: float | None
    low: float | None
    high: float | None
    share: float

    @property
    def answer(self) -> Literal["reached", "out of reach", "unclear"]:
        """Whether the laws agree that the target is met within _FARTHEST times the largest size."""
        if self.hours is not None and self.share >= SURELY:
            return "reached"
        return "out of reach" if self.hours is None and self.share <= 1 - SURELY else "unclear"


@dataclass(frozen=True)
class MarginalValue:
    """Error (mm) saved by one more hour and by a doubling at the largest size, and the hours to each target."""

    law: str
    at_hours: float
    per_next_hour: Interval
    per_doubling: Interval
    reach: list[Reach]
    cost_per_mm: Interval | None


def marginal_value(
    fits: Mapping[str, LawFit], hours: float, targets: Sequence[float], cost_per_hour: float | None
) -> MarginalValue:
    """Values at the largest size. `cost_per_hour` is in the user's own currency or GPU-hours."""
    sloped = {law: law_fit for law, law_fit in fits.items() if law != "constant"}
    best = min(sloped.values(), key=lambda law_fit: law_fit.aicc)
    mixture = _mixture(sloped)
    per_hour = _gain(best, mixture, hours, hours + 1)
    return MarginalValue(
        law=best.law,
        at_hours=hours,
        per_next_hour=per_hour,
        per_doubling=_gain(best, mixture, hours, max(2 * hours, 1e-9)),
        reach=[_reach(best, mixture, hours, target) for target in targets],
        cost_per_mm=None if cost_per_hour is None else _cost(per_hour, cost_per_hour),
    )


def _mixture(sloped: Mapping[str, LawFit]) -> list[Fits]:
    """The refits of each law, as many as its share of the weight."""
    total = sum(law_fit.weight for law_fit in sloped.values())
    shares = {law: law_fit.weight / total if total > 0 else 1 / len(sloped) for law, law_fit in sloped.items()}
    return [law_fit.drawn.first(round(shares[law] * len(law_fit.drawn.rss_B))) for law, law_fit in sloped.items()]


def _gain(best: LawFit, mixture: Sequence[Fits], start: float, end: float) -> Interval:
    ends = np.array([start, end])
    own = best.best.at(ends)[0]
    drawn_BX = np.concatenate([fits.at(ends) for fits in mixture])
    return interval(float(own[0] - own[1]), drawn_BX[:, 0] - drawn_BX[:, 1])


def _cost(per_hour: Interval, cost: float) -> Interval | None:
    """Cost per mm; None where the interval of an hour's worth includes 0, since the cost then has no upper end."""
    if per_hour.low <= 0:
        return None
    return Interval(cost / per_hour.value, cost / per_hour.high, cost / per_hour.low)


def _reach(best: LawFit, mixture: Sequence[Fits], hours: float, target: float) -> Reach:
    own = _hours_to(best.best, target, hours)[0]
    drawn_B = np.concatenate([_hours_to(fits, target, hours) for fits in mixture])
    share = float(np.isfinite(drawn_B).mean())
    low, high = np.quantile(drawn_B, [0.025, 0.975], method="nearest")
    return Reach(target, _finite(own), _finite(low), _finite(high), share)


def _hours_to(fits: Fits, target: float, largest: float) -> Float:
    """(B) hours at which each fitted law meets the target; infinite where it does not within reach."""
    amount_B = np.maximum(fits.scale_B, 1e-300)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if fits.law == "logarithm":
            hours_B = np.exp((fits.floor_B - target) / amount_B) - fits.offset_B
        else:
            above_B = (target - fits.floor_B) / amount_B
            hours_B = np.where(above_B > 0, above_B ** (-1 / fits.alpha_B), np.inf) - fits.offset_B
    out = ~np.isfinite(hours_B) | (hours_B > _FARTHEST * largest) | (fits.scale_B <= 0)
    return np.where(out, np.inf, np.maximum(hours_B, 0.0))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
