"""Acceleration, jitter, sliding and past/future errors on motions whose answer is known."""

import numpy as np
import pytest
import torch

from evaluation import metrics


def _parabola(frames: int, mm_per_frame2: float) -> np.ndarray:
    way = 0.5 * mm_per_frame2 / 1000 * np.arange(frames) ** 2
    return np.stack([way, 0 * way, 0 * way], -1)[:, None].repeat(14, 1)


def test_hazard_07_both_units_and_no_unknown_rate() -> None:
    per_frame, per_second = metrics.acceleration_error(_parabola(10, 8.0), np.zeros((10, 14, 3)), 25)
    np.testing.assert_allclose(per_frame, np.full(8, 8.0), rtol=1e-9)
    np.testing.assert_allclose(per_second, np.full(8, 8.0e-3 * 625), rtol=1e-9)
    for unknown in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="frame rate"):
            metrics.acceleration_error(np.zeros((5, 14, 3)), np.zeros((5, 14, 3)), unknown)


def test_hazard_08_predicted_acceleration_is_not_its_error() -> None:
    motion = _parabola(10, 8.0)
    np.testing.assert_allclose(metrics.acceleration(motion, 25)[0], np.full(8, 8.0), rtol=1e-9)
    np.testing.assert_allclose(metrics.acceleration_error(motion, motion, 25)[0], np.zeros(8))


def test_hazard_10_only_triples_of_consecutive_frames_count() -> None:
    rng = np.random.default_rng(0)
    pred, target = rng.normal(size=(2, 10, 14, 3))
    whole, _ = metrics.acceleration_error(pred, target, 30)
    gap = np.r_[0:4, 10:16]
    with_gap, _ = metrics.acceleration_error(pred, target, 30, frames=gap)
    assert torch.isnan(with_gap).tolist() == [False, False, True, True, False, False, False, False]
    np.testing.assert_array_equal(with_gap[~torch.isnan(with_gap)], whole[~torch.isnan(with_gap)])
    hidden = np.ones((10, 14), bool)
    hidden[5] = False
    masked, _ = metrics.acceleration_error(pred, target, 30, hidden)
    assert torch.isnan(masked).tolist() == [False, False, False, True, True, True, False, False]


def test_jitter_of_a_cubic_and_short_sequences() -> None:
    cubic = (np.arange(8.0) ** 3 / 6000)[:, None, None] * np.array([1.0, 0, 0])
    per_frame, per_second = metrics.jitter(cubic, 30)
    np.testing.assert_allclose(per_frame, np.ones(5), rtol=1e-9)
    np.testing.assert_allclose(per_second, np.full(5, 27.0), rtol=1e-9)
    for frames in (0, 1, 2):
        assert len(metrics.acceleration(np.zeros((frames, 14, 3)), 30)[0]) == 0
        assert len(metrics.jitter(np.zeros((frames, 14, 3)), 30)[0]) == 0


def test_foot_sliding_counts_only_feet_that_stay_down() -> None:
    feet = np.zeros((4, 2, 3))
    feet[:, 0] = np.outer(np.arange(4), [0.003, 1.0, 0.004])
    feet[:, 1, 0] = np.arange(4) * 0.1
    contact = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], bool)
    slide = metrics.foot_sliding(feet, contact)
    assert float(slide[0]) == pytest.approx(5.0)
    assert torch.isnan(slide[1:]).all()
