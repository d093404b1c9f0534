"""Resampling by time against scipy's Slerp."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from body.motion import Motion, resample, sample_rotations


def random_motion(frames: int, fps: float, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(frames * 24, rng=rng).as_matrix().reshape(frames, 24, 3, 3)
    return Motion("random", fps, rotations.astype(np.float32), rng.normal(size=(frames, 3)).astype(np.float32))


def test_rotations_follow_slerp_also_at_uneven_times() -> None:
    R = random_motion(9, 30).rotations.astype(np.float64)
    times = np.array([0, 0.1, 0.15, 0.4, 0.5, 0.9, 1.0, 1.3, 1.31])
    new = np.linspace(0, 1.31, 77)
    sampled = sample_rotations(times, R, new)
    for j in range(24):
        expected = Slerp(times, Rotation.from_matrix(R[:, j]))(new)
        angle = (expected.inv() * Rotation.from_matrix(sampled[:, j])).magnitude()
        assert angle.max() < 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.sampled_from([24.0, 25.0, 30.0, 50.0, 60.0, 120.0]), st.sampled_from([20.0, 25.0, 30.0]))
def test_the_clip_keeps_its_time_and_its_ends(frames: int, old: float, new: float) -> None:
    motion = random_motion(frames, old)
    sampled = resample(motion, new)
    assert sampled.fps == new
    assert abs(sampled.seconds - motion.seconds) < 1 / new
    assert sampled.seconds <= motion.seconds + 1e-6
    np.testing.assert_allclose(sampled.translation[0], motion.translation[0], atol=1e-6)
    np.testing.assert_allclose(sampled.rotations @ np.swapaxes(sampled.rotations, -1, -2), np.eye(3)[None, None]
                               .repeat(len(sampled.rotations), 0).repeat(24, 1), atol=1e-5)  # fmt: skip


def test_the_same_rate_changes_nothing() -> None:
    motion = random_motion(20, 25)
    same = resample(motion, 25)
    np.testing.assert_allclose(same.rotations, motion.rotations, atol=1e-6)
    np.testing.assert_allclose(same.translation, motion.translation, atol=1e-6)


def test_half_the_rate_takes_every_second_frame() -> None:
    motion = random_motion(21, 50)
    half = resample(motion, 25)
    np.testing.assert_allclose(half.rotations, motion.rotations[::2], atol=1e-5)
    np.testing.assert_allclose(half.translation, motion.translation[::2], atol=1e-5)
