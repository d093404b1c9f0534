"""Does the error fall with the size? A test against 'size makes no difference', for any falling shape.

Statistic: how much of the scatter of the size means the best falling (isotonic) curve explains, as in the
E-bar-squared test of Robertson, Wright and Dykstra, "Order Restricted Statistical Inference" (1988). Two nulls:
sizes swapped at random within each seed (exact for exchangeable runs), and draws of the two-level bootstrap
about a flat curve (which know that all runs share their test sequences). The larger p counts.

Legend: B draws, C cells, H sizes, R seeds.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.study.draws import Draws
from evaluation.study.table import Float, StudyTable

PERMUTATIONS = 4000


@dataclass(frozen=True)
class Trend:
    """p values of the test, the falling curve nearest to the means, and how far the means rise above it."""

    p_permutation: float
    p_bootstrap: float
    falling_H: Float
    largest_rise: float
    """Largest rise of the mean from any size to any larger one; 0 where it never rises."""

    @property
    def p(self) -> float:
        """The larger of the two: each null is blind to something that the other one sees."""
        return max(self.p_permutation, self.p_bootstrap)


def trend(table: StudyTable, draws: Draws, seed: int = 1) -> Trend:
    """Test for a fall over the sizes."""
    weight_H = table.runs_of_sizes.astype(float)
    mean_H = draws.mean_H
    observed = explained(mean_H[None], weight_H)[0]
    tolerance = 1e-9 * (1.0 + observed)
    null_B = explained(draws.shape_BH, weight_H)
    rises = mean_H[None, :] - mean_H[:, None]
    return Trend(
        p_permutation=_share(permuted(table, np.random.default_rng(seed)), observed - tolerance),
        p_bootstrap=_share(null_B, observed - tolerance),
        falling_H=falling(mean_H[None], weight_H)[0],
        largest_rise=float(np.maximum(np.triu(rises), 0.0).max()),
    )


def falling(value_BH: Float, weight_H: Float) -> Float:
    """Weighted least-squares fit that never rises, of each row (the max-min formula of isotonic regression)."""
    n = value_BH.shape[1]
    total_BH = np.concatenate([np.zeros((len(value_BH), 1)), np.cumsum(value_BH * weight_H, axis=1)], axis=1)
    mass_H = np.concatenate([[0.0], np.cumsum(weight_H)])
    fit_BH = np.full_like(value_BH, np.inf)
    for start in range(n):
        mean_BH = (total_BH[:, start + 1 :] - total_BH[:, [start]]) / (mass_H[start + 1 :] - mass_H[start])
        highest_BH = np.maximum.accumulate(mean_BH[:, ::-1], axis=1)[:, ::-1]  # over all blocks that end here or later
        np.minimum(fit_BH[:, start:], highest_BH, out=fit_BH[:, start:])
    return fit_BH


def explained(value_BH: Float, weight_H: Float) -> Float:
    """Weighted sum of squares about the mean that the falling fit explains, of each row."""
    mean_B = (value_BH * weight_H).sum(axis=1, keepdims=True) / weight_H.sum()
    return np.asarray((weight_H * (falling(value_BH, weight_H) - mean_B) ** 2).sum(axis=1))


def permuted(table: StudyTable, rng: np.random.Generator, count: int = PERMUTATIONS) -> Float:
    """The statistic with the sizes of the runs swapped: within each seed where seeds are crossed, else among all."""
    n_sizes, mean_C = len(table.hours_H), table.cell_means
    weight_H = table.runs_of_sizes.astype(float)
    if table.crossed:
        value_HR = mean_C.reshape(n_sizes, -1)
        value_HR = value_HR - value_HR.mean(axis=0)
        order = rng.random((count, *value_HR.shape)).argsort(axis=1)
        return explained(np.take_along_axis(value_HR[None], order, axis=1).mean(axis=2), weight_H)
    shuffled_BC = rng.permuted(np.tile(mean_C, (count, 1)), axis=1)
    return explained(shuffled_BC @ (np.eye(n_sizes)[table.size_C] / table.runs_of_sizes), weight_H)


def _share(null_B: Float, observed: float) -> float:
    return float((1 + (null_B >= observed).sum()) / (1 + len(null_B)))
