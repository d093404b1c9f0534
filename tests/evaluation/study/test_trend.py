import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from evaluation.study.draws import draw
from evaluation.study.table import StudyTable, table
from evaluation.study.trend import explained, falling, permuted, trend

NUMBERS = st.floats(-100, 100)


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.floats(0.1, 10)), min_size=1, max_size=9))
def test_falling_fit_is_scipys_isotonic_regression(pairs: list[tuple[float, float]]) -> None:
    values, weights = (np.array(side) for side in zip(*pairs, strict=True))
    expected = isotonic_regression(values, weights=weights, increasing=False).x
    assert np.allclose(falling(values[None], weights)[0], expected, atol=1e-8)


def study(values_HR: list[list[float]]) -> StudyTable:
    return table((h, str(r), "a", value) for h, row in enumerate(values_HR) for r, value in enumerate(row))


def test_permutation_p_is_that_of_all_permutations() -> None:
    found = study([[5.0, 9.0], [4.0, 9.5], [4.5, 7.0]])
    values = found.cell_means.reshape(3, 2)
    values = values - values.mean(axis=0)
    weight = np.full(3, 2.0)
    observed = explained(values.mean(axis=1)[None], weight)[0]
    all_of_them = [
        explained(((values[list(a), 0] + values[list(b), 1]) / 2)[None], weight)[0]
        for a, b in itertools.product(itertools.permutations(range(3)), repeat=2)
    ]
    exact = np.mean(np.array(all_of_them) >= observed - 1e-9)
    drawn = np.mean(permuted(found, np.random.default_rng(0), 20_000) >= observed - 1e-9)
    assert drawn == pytest.approx(exact, abs=0.012)


def test_one_deep_fall_after_the_first_size_is_a_trend() -> None:
    # Rank tests such as Page's see nothing here: six of seven sizes are alike.
    rng = np.random.default_rng(0)
    found = study([[100 + rng.normal(0, 0.2) for _ in range(3)]] + [[90 + rng.normal(0, 0.2) for _ in range(3)]] * 6)
    assert trend(found, draw(found)).p < 0.01


def test_a_rise_is_no_trend_and_its_size_is_told() -> None:
    found = study([[100.0, 101.0, 99.5], [104.0, 105.0, 103.0], [103.0, 103.5, 102.0]])
    result = trend(found, draw(found))
    assert result.p > 0.9
    assert result.largest_rise == pytest.approx(4.0 - 0.1666667, abs=1e-6)


def test_two_seeds_of_three_sizes_can_never_show_a_trend() -> None:
    # 3! squared = 36 arrangements: the smallest p is 1/36.
    found = study([[100.0, 100.1], [90.0, 90.1], [80.0, 80.1]])
    assert trend(found, draw(found)).p_permutation == pytest.approx(1 / 36, abs=0.01)
