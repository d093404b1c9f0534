"""How many more runs would turn 'undecided' into an answer, if the curve is what it now seems to be.

Legend: B draws, H sizes.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.study.draws import Draws, Noise, draw
from evaluation.study.table import StudyTable
from evaluation.study.trend import explained
from evaluation.study.verdict import DELTA_SHARE, LEVEL

MOST_SEEDS = 64
WANTED = 0.8
"""Chance of an answer that the runs should give: the customary power."""

_TRIALS = 400


@dataclass(frozen=True)
class MoreRuns:
    """Seeds a size that would probably decide, the trainings that are missing, and which answer is then likely."""

    seeds: int | None
    runs: int | None
    answer: str
    note: str


def more_runs(table: StudyTable, draws: Draws, noise: Noise, seed: int = 3) -> MoreRuns:
    """The least number of seeds a size at which an answer has a chance of 80 %; None where 64 would not do."""
    least_runs = int(table.runs_of_sizes.min())
    for seeds in sorted(
        {least_runs + 1, least_runs + 2, *(round(least_runs * factor) for factor in (2, 3, 4, 6, 8, 12, 16, 24, 32))}
    ):
        if least_runs < seeds <= MOST_SEEDS:
            chances = _chances(table, draws, noise, seeds, seed)
            answer = max(chances, key=lambda name: chances[name])
            if chances[answer] >= WANTED:
                missing = int(np.maximum(seeds - table.runs_of_sizes, 0).sum())
                return MoreRuns(seeds, missing, answer, f"with {seeds} seeds a size, if the curve stays as it is")
    note = f"not even {MOST_SEEDS} seeds a size would do with these {len(table.sequences)} test sequences"
    return MoreRuns(None, None, "undecided", note + ": more sequences or larger sizes are needed")


def _chances(table: StudyTable, draws: Draws, noise: Noise, seeds: int, seed: int) -> dict[str, float]:
    """Chance of 'holds' and of 'fails for want of effect', by the normal approximation about the present curve."""
    rng = np.random.default_rng(seed)
    n_sizes = len(table.hours_H)
    still = draw(table, count=_TRIALS, seed=seed) if noise.df == 0 else _sequences_only(table, seed)
    run_sd = np.sqrt(max(noise.variance - noise.interaction_variance, 0.0) / seeds)
    shape_BH = still.shape_BH + run_sd * rng.standard_normal((_TRIALS, n_sizes))
    weight_H = np.full(n_sizes, float(seeds))
    limit = np.quantile(explained(shape_BH, weight_H), 1 - LEVEL)
    holds = float((explained(draws.mean_H + shape_BH, weight_H) > limit).mean())
    delta = DELTA_SHARE * draws.mean_H[0]
    total_B = shape_BH[:, -1] - shape_BH[:, 0]
    reach = float(np.quantile(np.abs(total_B), 0.95))
    nothing = float((np.abs(draws.mean_H[-1] - draws.mean_H[0] + total_B) + reach < delta).mean())
    return {"fails": nothing, "holds": holds if nothing < holds else 0.0}


def _sequences_only(table: StudyTable, seed: int) -> Draws:
    """Draws of the test sequences alone: the scatter that more training runs cannot lessen."""
    means = table.by_size(table.error_CS)
    flat = replace(
        table, size_C=np.arange(len(table.hours_H)), seed_C=("all",) * len(table.hours_H), error_CS=means, dropped=()
    )
    return draw(flat, count=_TRIALS, seed=seed)
