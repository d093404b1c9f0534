"""Two-level bootstrap of a study: which curve might other test sequences and other seeds have given?

Level one draws test sequences, the same ones for every size, so that differences stay paired; frames are never
drawn, they are not independent (docs/conventions.md 7). Level two draws the noise of single trainings. With
three seeds a size, drawing among a size's own three runs would give intervals that are far too narrow. So the
residuals of all sizes are pooled, after removing what a seed has in common at all sizes, and each draw is
widened by sqrt(df / chi2(df)), the generalised pivotal quantity of a variance known from few degrees of
freedom (Weerahandi, "Generalized Confidence Intervals", JASA 88, 1993): normal noise then gives Student's t.

Legend: B draws, C cells, S sequences, H sizes.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.study.table import Float, StudyTable

DRAWS = 4000
"""Enough for a p of 0.01 to have a standard error of 0.0016."""


@dataclass(frozen=True)
class Noise:
    """The scatter of the cells' mean errors, by its sources."""

    residual_C: Float
    """Cell means less their size's mean and, where seeds are crossed, less their seed's effect."""
    df: int
    """Degrees of freedom of residual_C; 0 with one run a size."""
    seed_effect: Float
    """What each seed adds at all sizes alike; empty where seeds are not crossed."""
    interaction_variance: float
    """Variance of a cell mean from the noise of a run on a sequence. Drawing sequences includes it already, so it is
    taken off the runs' noise."""

    @property
    def variance(self) -> float:
        """Variance of a cell mean about the mean of its size, after each seed's constant effect was taken off."""
        return float((self.residual_C**2).sum() / self.df) if self.df else 0.0


@dataclass(frozen=True)
class Draws:
    """The observed curve and its draws."""

    mean_H: Float
    shape_BH: Float
    """Deviation of each drawn curve, without what all sizes share through their seeds."""
    level_B: Float
    """What all sizes share through their seeds: it moves the curve, never a difference."""

    @property
    def curves(self) -> Float:
        """Drawn curves."""
        return np.asarray(self.mean_H + self.shape_BH + self.level_B[:, None])


def noise(table: StudyTable) -> Noise:
    """Split the scatter of the cells into seed, run and sequence."""
    mean_C, size_C = table.cell_means, table.size_C
    residual_C = mean_C - table.by_size(mean_C)[size_C]
    df = len(mean_C) - len(table.hours_H)
    seed_effect = np.zeros(0)
    seeds = sorted(set(table.seed_C))
    if table.crossed and len(seeds) > 1 and len(table.hours_H) > 1:
        place_C = np.array([seeds.index(seed) for seed in table.seed_C])
        seed_effect = np.array([residual_C[place_C == place].mean() for place in range(len(seeds))])
        residual_C = residual_C - seed_effect[place_C]
        df -= len(seeds) - 1
    return Noise(residual_C, df, seed_effect, _interaction_variance(table))


def draw(table: StudyTable, count: int = DRAWS, seed: int = 0) -> Draws:
    """`count` curves. With one run a size only the sequences are drawn: the caller must not trust such intervals."""
    rng = np.random.default_rng(seed)
    scatter = noise(table)
    mean_H = table.by_size(table.cell_means)
    shape_BH = _sequences(table, mean_H, rng, count) + _runs(table, scatter, rng, count)
    return Draws(mean_H, shape_BH, _levels(scatter, rng, count))


def _interaction_variance(table: StudyTable) -> float:
    """Variance of a cell mean due to the (run x sequence) interaction, estimated within sizes."""
    n_cells, n_sequences = table.error_CS.shape
    df = (n_cells - len(table.hours_H)) * (n_sequences - 1)
    if df <= 0:
        return 0.0
    rest_CS = table.error_CS - table.by_size(table.error_CS)[table.size_C]
    rest_CS = rest_CS - rest_CS.mean(axis=1, keepdims=True)
    return float((rest_CS**2).sum() / df / n_sequences)


def _widening(rng: np.random.Generator, df: int, count: int) -> Float:
    return np.asarray(np.sqrt(df / rng.chisquare(df, count)))


def _sequences(table: StudyTable, mean_H: Float, rng: np.random.Generator, count: int) -> Float:
    n = len(table.sequences)
    if n < 2:
        return np.zeros((count, len(mean_H)))
    rest_HS = table.by_size(table.error_CS) - mean_H[:, None]
    picked_BS = rng.multinomial(n, np.full(n, 1 / n), count) / n
    wide_B = np.sqrt(n / (n - 1)) * _widening(rng, n - 1, count)
    return np.asarray(wide_B[:, None] * (picked_BS @ rest_HS.T))


def _runs(table: StudyTable, scatter: Noise, rng: np.random.Generator, count: int) -> Float:
    n_sizes = len(table.hours_H)
    if scatter.df == 0 or scatter.variance == 0:
        return np.zeros((count, n_sizes))
    variance_B = scatter.variance * scatter.df / rng.chisquare(scatter.df, count)
    own_B = np.sqrt(np.maximum(variance_B - scatter.interaction_variance, 0.0))
    standard_C = scatter.residual_C / np.sqrt((scatter.residual_C**2).mean())
    picked_BC = rng.choice(standard_C, (count, len(standard_C)))
    membership_CH = np.eye(n_sizes)[table.size_C] / table.runs_of_sizes
    return np.asarray(own_B[:, None] * (picked_BC @ membership_CH))


def _levels(scatter: Noise, rng: np.random.Generator, count: int) -> Float:
    n = len(scatter.seed_effect)
    if n < 2:
        return np.zeros(count)
    sd = float(np.std(scatter.seed_effect, ddof=1)) / np.sqrt(n)
    return np.asarray(sd * rng.standard_t(n - 1, count))
