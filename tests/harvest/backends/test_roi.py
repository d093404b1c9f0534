"""BlazePose's own crop, by geometry."""

import numpy as np
import pytest

from harvest.backends.roi import Crops, RefineLimits, is_off, own_crops, upright


@pytest.mark.parametrize(("above", "angle"), [((50, 20), 0), ((80, 50), 90), ((20, 50), -90), ((50, 80), 180)])
def test_own_crop_points_up(above: tuple[float, float], angle: float) -> None:
    crops = own_crops(np.array([[50.0, 50.0]]), np.array([above], float))
    np.testing.assert_allclose(crops.squares_N4, [[12.5, 12.5, 87.5, 87.5]])
    np.testing.assert_allclose(np.degrees(crops.angles_N), [angle], atol=1e-9)


@pytest.mark.parametrize(
    ("square", "degrees", "off"),
    [
        ([0, 0, 100, 100], 0, False),
        ([0, 0, 100, 100], 6, False),
        ([0, 0, 100, 100], -8, True),
        ([0, 0, 100, 100], 359, False),
        ([9, 9, 109, 109], 0, False),
        ([0, 11, 100, 111], 0, True),
        ([-8, -8, 108, 108], 0, False),
        ([-12, -12, 112, 112], 0, True),
        ([9, 9, 91, 91], 0, True),
    ],
)
def test_limits(square: list[float], degrees: float, off: bool) -> None:
    own = Crops(np.array([square], float), np.radians([degrees]))
    assert is_off(upright(np.array([[0, 0, 100, 100]])), own, RefineLimits()).tolist() == [off]
