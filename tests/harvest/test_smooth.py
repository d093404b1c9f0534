"""Smoothing against scipy's Savitzky-Golay idea done by least squares, and by what it must leave alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvest.smooth import SmoothingConfig, smooth_keypoints

CONFIG = SmoothingConfig(0.06)


def _noisy(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    keypoints = rng.normal(100, 20, (1, 25, 3)).repeat(frames, axis=0)
    keypoints[..., :2] += rng.normal(0, 3, (frames, 25, 2))
    keypoints[..., 2] = rng.uniform(0.05, 1, (frames, 25))
    return keypoints.astype(np.float32)


def _all(keypoints: np.ndarray) -> np.ndarray:
    return smooth_keypoints(keypoints, np.ones(len(keypoints), bool), 25.0, CONFIG)


def test_is_the_weighted_least_squares_parabola() -> None:
    """np.polyfit, weighted by the root of score and window, evaluated at the frame."""
    keypoints = _noisy(40)
    smooth = _all(keypoints)
    for t in (0, 3, 20, 39):
        at = np.arange(40) - t
        weight = np.sqrt(keypoints[:, 7, 2] * np.exp(-(at**2) / 2 / 1.5**2) * (abs(at) <= 6))
        expected = [np.polyfit(at, keypoints[:, 7, axis], 2, w=weight)[-1] for axis in (0, 1)]
        np.testing.assert_allclose(smooth[t, 7, :2], expected, atol=0.5 if t in (0, 39) else 0.02)
    np.testing.assert_array_equal(smooth[..., 2], keypoints[..., 2])


def test_motion_without_noise_stays_and_noise_goes() -> None:
    time = np.arange(50)[:, None]
    keypoints = np.ones((50, 25, 3), np.float32)
    keypoints[..., 0] = 4 * time
    keypoints[..., 1] = 100 + 0.2 * (time - 25) ** 2
    np.testing.assert_allclose(_all(keypoints)[4:-4], keypoints[4:-4], atol=0.02)
    noise = np.random.default_rng(0).normal(0, 2, (50, 25, 2))
    noisy = keypoints.copy()
    noisy[..., :2] += noise
    left = np.diff(_all(noisy)[..., :2] - keypoints[..., :2], 2, axis=0)
    assert left.std() < 0.25 * np.diff(noise, 2, axis=0).std()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 10), st.integers(1, 12))
def test_nothing_is_smeared_over_a_gap(before: int, gap: int, after: int) -> None:
    keypoints = _noisy(before + gap + after)
    observed = np.ones(len(keypoints), bool)
    observed[before : before + gap] = False
    keypoints[~observed] = 0
    smooth = smooth_keypoints(keypoints, observed, 25.0, CONFIG)
    np.testing.assert_array_equal(smooth[~observed], 0)
    np.testing.assert_array_equal(smooth[:before], _all(keypoints[:before]))
    np.testing.assert_array_equal(smooth[before + gap :], _all(keypoints[before + gap :]))


def test_a_doubted_place_gives_way_and_an_absent_one_is_not_heard() -> None:
    keypoints = np.ones((21, 25, 3), np.float32)
    keypoints[10, :, :2] = 50
    assert _all(keypoints)[10, 0, 0] > 15
    keypoints[10, :, 2] = 0.05
    assert _all(keypoints)[10, 0, 0] < 4
    keypoints[10, :, 2] = 0
    smooth = _all(keypoints)
    assert (smooth[10] == keypoints[10]).all()
    np.testing.assert_allclose(np.delete(smooth, 10, axis=0), 1, atol=1e-5)


def test_a_joint_seen_once_or_in_one_frame_stays() -> None:
    keypoints = _noisy(30)
    keypoints[:, 3, 2] = 0
    keypoints[12, 3, 2] = 0.4
    np.testing.assert_allclose(_all(keypoints)[:, 3], keypoints[:, 3], rtol=1e-5)
    np.testing.assert_allclose(_all(keypoints[:1]), keypoints[:1], rtol=1e-5)


def test_seconds_mean_the_same_at_every_rate() -> None:
    slow = _noisy(30)
    fast = slow.repeat(2, axis=0)[1:]
    fast[1::2, :, 2] = 1e-9
    one = smooth_keypoints(slow, np.ones(30, bool), 25.0, CONFIG)
    other = smooth_keypoints(fast, np.ones(59, bool), 50.0, CONFIG)
    np.testing.assert_allclose(other[::2], one, atol=0.05)


def test_a_width_that_makes_no_sense_is_refused() -> None:
    for sigma in (0.0, -1.0, 3.0, float("nan")):
        with pytest.raises(ValueError, match="smoothing of"):
            SmoothingConfig(sigma)


def test_a_place_that_is_no_number_reaches_no_other_frame() -> None:
    keypoints = _noisy(30)
    keypoints[12, 4] = [np.nan, np.nan, 0]
    smooth = _all(keypoints)
    assert np.isnan(smooth[12, 4, :2]).all()
    assert np.isfinite(np.delete(smooth, 12, axis=0)).all()


def test_a_window_of_next_to_nothing_leaves_everything() -> None:
    keypoints = _noisy(30)
    smooth = smooth_keypoints(keypoints, np.ones(30, bool), 25.0, SmoothingConfig(1e-300))
    np.testing.assert_allclose(smooth, keypoints, rtol=1e-6)
