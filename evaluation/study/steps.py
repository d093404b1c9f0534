"""Differences between the sizes of a study, and the share of the gap to the supervised ceiling that it closed.

All differences are paired on the same test sequences and come with an interval.

Legend: B draws, H sizes, P pairs of sizes, C cells, S sequences.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.study.draws import Draws, draw
from evaluation.study.table import Float, StudyRowsError, StudyTable

CONFIDENCE = 0.95
"""Confidence level of every interval of the report."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval, in the unit of what is estimated."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """The change from one size to a larger one. A positive change means that the error rose."""

    from_hours: float
    to_hours: float
    change: Interval
    p_helps: float
    """Share of the draws in which the error fell."""


def interval(value: float, drawn_B: Float, confidence: float = CONFIDENCE) -> Interval:
    """Percentile interval of draws about an estimate."""
    low, high = np.quantile(drawn_B, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high))


def step(hours_H: Float, draws: Draws, start: int, end: int) -> Step:
    """The change between two sizes."""
    drawn_B = draws.curves[:, end] - draws.curves[:, start]
    change = interval(draws.mean_H[end] - draws.mean_H[start], drawn_B)
    return Step(float(hours_H[start]), float(hours_H[end]), change, float((drawn_B < 0).mean()))


def steps(hours_H: Float, draws: Draws) -> list[Step]:
    """Every size against the one before it."""
    return [step(hours_H, draws, end - 1, end) for end in range(1, len(hours_H))]


def rising_pairs(draws: Draws, delta: float, level: float) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of sizes between which the error rises by more than `delta`, significantly.

    Half of `level` goes to the whole, (0, last): the difference of its ends, and the rise of the straight line
    through all sizes. The other half goes to all pairs, so that a slow climb over several small steps counts as much
    as one jump. Within each half the largest t would exceed the limit with the half's probability if nothing rose by
    more than delta (single-step max-t; Westfall and Young, "Resampling-Based Multiple Testing", 1993).
    """
    n = len(draws.mean_H)
    ends_2H = np.stack([_difference(n, 0, n - 1), _straight(n)])
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    pairs_PH = np.stack([_difference(n, i, j) for i, j in pairs])
    rising = [pair for pair, high in zip(pairs, _exceeds(draws, pairs_PH, delta, level / 2), strict=True) if high]
    if _exceeds(draws, ends_2H, delta, level / 2).any() and (0, n - 1) not in rising:
        rising.append((0, n - 1))
    return rising


def _difference(n: int, start: int, end: int) -> Float:
    contrast_H = np.zeros(n)
    contrast_H[[start, end]] = -1.0, 1.0
    return contrast_H


def _straight(n: int) -> Float:
    """The contrast that gives the rise, from first to last, of the straight line through the means."""
    centred_H = np.arange(n) - (n - 1) / 2
    return np.asarray(centred_H * (n - 1) / (centred_H**2).sum())


def _exceeds(draws: Draws, contrast_PH: Float, delta: float, level: float) -> npt.NDArray[np.bool_]:
    null_BP = draws.shape_BH @ contrast_PH.T
    spread_P = np.maximum(null_BP.std(axis=0), 1e-9)
    t_P = (contrast_PH @ draws.mean_H - delta) / spread_P
    return np.asarray(t_P > np.quantile((null_BP / spread_P).max(axis=1), 1 - level))


_LEAST_SHARE = 0.95
"""Least share of the draws in which the ceiling must beat the start, so that the gap is surely not zero."""


def gap_closed(study: StudyTable, ceiling: StudyTable, seed: int = 2) -> Interval | None:
    """(E_0 - E_last) / (E_0 - ceiling), with its interval; None where the ceiling is not surely better than the start.

    E_0 and E_last are the errors at the first and the last size; the ceiling is taken at its own largest size. All
    three are drawn on the same test sequences. Where ceiling and study have the same seeds, what a seed adds to all
    three cancels. dashboard/studies.py computes the same share of the means, without an interval.
    """
    joined = _joined(study, ceiling)
    draws = draw(joined, seed=seed)
    start_B, end_B, best_B = (draws.shape_BH[:, place] + draws.mean_H[place] for place in (0, 1, 2))
    if np.mean(start_B > best_B) < _LEAST_SHARE:
        return None
    start, end, best = draws.mean_H
    usable = start_B > best_B
    return interval((start - end) / (start - best), ((start_B - end_B) / (start_B - best_B))[usable])


def _joined(study: StudyTable, ceiling: StudyTable) -> StudyTable:
    """First size, last size and ceiling as the three 'sizes' of one table, so that the same draws serve all."""
    common = [name for name in study.sequences if name in ceiling.sequences]
    if not common:
        raise StudyRowsError("the study and its ceiling share no test sequence")
    last = len(study.hours_H) - 1
    parts = [(study, 0), (study, last), (ceiling, len(ceiling.hours_H) - 1)]
    size_C, seed_C, error_CS = [], [], []
    for place, (table, size) in enumerate(parts):
        columns = [table.sequences.index(name) for name in common]
        for cell in np.flatnonzero(table.size_C == size):
            size_C.append(place)
            seed_C.append(table.seed_C[cell])
            error_CS.append(table.error_CS[cell, columns])
    return StudyTable(np.arange(3.0), np.array(size_C), tuple(seed_C), tuple(common), np.array(error_CS))
