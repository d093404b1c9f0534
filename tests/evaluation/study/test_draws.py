import numpy as np
import pytest
from scipy import stats

from evaluation.study.draws import draw, noise
from evaluation.study.simulate import Design, flat, saturating, simulate
from evaluation.study.table import StudyTable, table

RUNS_ONLY = Design(sequences=1, sequence_sd=0, seed_sd=0, run_sd=2, response_sd=0, rest_sd=0)
SEQUENCES_ONLY = Design(seeds=2, sequences=12, sequence_sd=0, seed_sd=0, run_sd=0, response_sd=3, rest_sd=0)


def width(values_B: np.ndarray) -> float:
    low, high = np.quantile(values_B, [0.025, 0.975])
    return float(high - low)


def test_run_noise_gives_the_pooled_t_interval_of_a_difference() -> None:
    study = simulate(saturating, RUNS_ONLY, np.random.default_rng(0))
    shape = draw(study, 40_000).shape_BH
    # Two-way layout of 7 sizes and 3 seeds: 12 degrees of freedom, variance of a difference of two means 2 s^2 / 3.
    expected = 2 * stats.t.ppf(0.975, 12) * np.sqrt(noise(study).variance * 2 / 3)
    assert width(shape[:, -1] - shape[:, 0]) == pytest.approx(expected, rel=0.06)


def test_sequences_give_the_paired_t_interval() -> None:
    study = simulate(saturating, SEQUENCES_ONLY, np.random.default_rng(1))
    shape = draw(study, 40_000).shape_BH
    rows = study.by_size(study.error_CS)
    paired = rows[-1] - rows[0]
    expected = 2 * stats.t.ppf(0.975, 11) * stats.sem(paired)
    assert width(shape[:, -1] - shape[:, 0]) == pytest.approx(expected, rel=0.06)


def test_what_a_seed_adds_everywhere_moves_levels_and_no_difference() -> None:
    calm = Design(sequences=1, sequence_sd=0, seed_sd=0, run_sd=0.5, response_sd=0, rest_sd=0)
    study = simulate(flat, calm, np.random.default_rng(2))
    shift_C = np.array([20.0 * int(seed) for seed in study.seed_C])
    moved = StudyTable(study.hours_H, study.size_C, study.seed_C, study.sequences, study.error_CS + shift_C[:, None])
    before, after = draw(study), draw(moved)
    assert np.allclose(after.shape_BH, before.shape_BH)
    assert width(after.level_B) > 5 * width(before.level_B)


def test_sequence_noise_is_not_counted_twice() -> None:
    rest = Design(sequences=16, sequence_sd=0, seed_sd=0, run_sd=0, response_sd=0, rest_sd=4)
    widths = []
    for seed in range(30):
        shape = draw(simulate(flat, rest, np.random.default_rng(seed)), 1000).shape_BH
        widths.append((shape[:, -1] - shape[:, 0]).std())
    true_sd = np.sqrt(2 * 4**2 / (16 * 3))
    # Counted twice it would be 1.4 times as wide before the widening for few degrees of freedom, and 1.7 with it.
    assert true_sd < np.mean(widths) < 1.4 * true_sd


def test_one_run_a_size_has_no_scatter_to_show() -> None:
    study = table([(h, "0", s, 100.0 - h) for h in (0.0, 1.0, 2.0) for s in ("a", "b")])
    assert noise(study).df == 0
    assert np.allclose(draw(study).shape_BH, 0.0)
