import numpy as np
import pytest
from scipy.optimize import curve_fit

from evaluation.study.laws import LAWS, fit

HOURS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
ONES = np.ones(len(HOURS))


def test_a_law_without_noise_is_found_again() -> None:
    truth = 70 + 30 * (HOURS + 0.8) ** -0.5
    found = fit("saturating", HOURS, truth[None], ONES).parameters()
    for name, value in {"E_inf": 70.0, "A": 30.0, "alpha": 0.5, "h0": 0.8}.items():
        assert found[name][0] == pytest.approx(value, rel=0.06), name
    assert np.allclose(fit("saturating", HOURS, truth[None], ONES).at(HOURS)[0], truth, atol=0.02)


@pytest.mark.parametrize(
    ("law", "function", "start"),
    [
        ("power", lambda h, amount, alpha, h0: amount * (h + h0) ** -alpha, (100.0, 0.1, 1.0)),
        ("logarithm", lambda h, a, b, h0: a - b * np.log(h + h0), (100.0, 5.0, 1.0)),
    ],
)
def test_least_squares_agree_with_scipys(law: str, function: object, start: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    values = 110 - 6 * np.log(HOURS + 0.7) + rng.normal(0, 1.0, len(HOURS))
    weights = rng.uniform(0.5, 3.0, len(HOURS))
    best, _ = curve_fit(function, HOURS, values, start, sigma=weights**-0.5, bounds=([0, 0.0, 1e-3], np.inf))
    expected = (weights * (function(HOURS, *best) - values) ** 2).sum()  # type: ignore[operator]
    found = fit(law, HOURS, values[None], weights)
    assert found.rss_B[0] <= expected * 1.003
    assert (weights * (found.at(HOURS)[0] - values) ** 2).sum() == pytest.approx(found.rss_B[0])


def test_bounds_hold_and_many_curves_are_fitted_as_one_is() -> None:
    rng = np.random.default_rng(4)
    curves = rng.normal(100, 20, (50, len(HOURS)))
    for law in LAWS:
        found = fit(law, HOURS, curves, ONES)
        single = fit(law, HOURS, curves[7:8], ONES)
        assert np.allclose(found.at(HOURS)[7], single.at(HOURS)[0])
        if law in ("saturating", "power"):
            assert (found.scale_B >= 0).all()
            assert (found.floor_B >= 0).all()


def test_a_richer_law_never_fits_worse() -> None:
    curves = np.random.default_rng(5).normal(100, 5, (40, len(HOURS))) - 3 * np.log(HOURS + 1)
    constant, power, saturating = (fit(law, HOURS, curves, ONES).rss_B for law in ("constant", "power", "saturating"))
    assert (saturating <= power * 1.01 + 1e-9).all()
    assert (saturating <= constant * 1.0001).all()
