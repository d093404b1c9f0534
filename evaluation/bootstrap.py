"""Intervals of a mean, by the percentile bootstrap over sequences: frames of one sequence are not independent.

3DPW's test split is 37 tracks, not 35,515 samples (docs/conventions.md 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.score import SequenceScore

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Two-sided interval of a mean, in the metric's unit; NaN with fewer than two sequences."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.1f}, {self.high:.1f}]" if np.isfinite(self.low) else "[one sequence: no interval]"


def intervals(scores: Sequence[SequenceScore], metric: str, *, seed: int = 0) -> tuple[Interval, Interval]:
    """95 % intervals of the macro and the micro mean of `metric`, sequences resampled whole. Same seed, same answer."""
    values = [score.per_frame[metric] for score in scores if metric in score.per_frame]
    finite = [value[np.isfinite(value)] for value in values]
    sums = np.array([value.sum() for value in finite if len(value)])
    counts = np.array([len(value) for value in finite if len(value)])
    if len(sums) < 2:
        nothing = Interval(float("nan"), float("nan"))
        return nothing, nothing
    draws = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    macro = (sums / counts)[draws].mean(1)
    micro = sums[draws].sum(1) / counts[draws].sum(1)
    return _interval(macro), _interval(micro)


def _interval(means: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Interval:
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
