"""BlazePose's own crop, by geometry."""

import numpy as np
import pytest

from harvest.backends.roi import Crops, RefineLimits, crops_around, is_off, own_crops, upright


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


@pytest.mark.parametrize("degrees", [0, 35, -120, 180])
def test_crop_around_joints_turns_and_moves_with_the_person(degrees: float) -> None:
    """Shoulders 20 px from the hips along the turned trunk, the farthest joint 40; another person of a tenth."""
    up = np.array([np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))])
    hips = np.array([[50.0, 60.0], [5.0, 6.0]])
    joints = hips[:, None] + np.array([[20 * up, -40 * up], [2 * up, -4 * up]])
    crops = crops_around(joints, hips, joints[:, 0])
    half = 1.02 * 1.25 * np.array([[40.0], [4.0]])
    np.testing.assert_allclose(crops.squares_N4, np.concatenate([hips - half, hips + half], 1))
    np.testing.assert_allclose(np.abs(np.degrees(crops.angles_N)), 0.7 * abs(degrees))
    assert degrees == 180 or (np.sign(crops.angles_N) == np.sign(degrees)).all()


def test_crop_around_nobody_is_small_and_finite() -> None:
    nobody = crops_around(np.zeros((1, 3, 2)), np.zeros((1, 2)), np.zeros((1, 2)))
    np.testing.assert_array_equal(nobody.squares_N4, [[-1, -1, 1, 1]])
    assert np.isfinite(nobody.angles_N).all()
