"""What a moving camera does to a photograph is no posture; what a body does is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes

from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.filters.one_person import posture_change
from harvest.filters.presets import DEFAULT, HMMR_2019
from harvest.filters.tracks import clean, motion

LIMBS = indices(LIMBS_12, KEYPOINTS_25)
ALL = np.ones((60, 25), bool)


def _photograph(zoom: float, pan: float, turn: float, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    place = rng.uniform(0, (100, 300), (25, 2))
    joints = np.full((60, 25, 3), 0.9, np.float32)
    for n in range(60):
        c, s = np.cos(turn * n), np.sin(turn * n)
        joints[n, :, :2] = (1 + zoom * n) * place @ np.array([[c, s], [-s, c]]) + (pan * n, 500)
    joints[..., :2] += rng.normal(0, noise, (60, 25, 2)) if noise else 0
    return joints


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.02), st.floats(-5, 5), st.floats(-0.02, 0.02))
def test_a_photograph_has_none(zoom: float, pan: float, turn: float) -> None:
    assert posture_change(_photograph(zoom, pan, turn), ALL) < 1e-4


def test_two_frames_against_scipys_procrustes() -> None:
    """Both frames lie half of Procrustes' distance from their mean, nearly: joints differ by little."""
    photo = _photograph(0, 0, 0)[:2]
    photo[1, :, :2] += np.random.default_rng(1).normal(0, 4, (25, 2))
    a, b, _ = procrustes(*photo[:, LIMBS, :2].astype(float))
    size = np.sqrt(((photo[0, LIMBS, :2] - photo[0, LIMBS, :2].mean(axis=0)) ** 2).sum())
    expected = np.median(np.linalg.norm(a - b, axis=1)) / 2 * size
    diagonal = np.median(np.hypot(*np.ptp(photo[..., :2], axis=1).T))
    assert posture_change(photo, ALL[:2]) == pytest.approx(expected / diagonal, rel=0.05)


def test_the_filter_knows_a_panned_photograph_from_a_walker() -> None:
    photo = _photograph(0.004, 2, 0.001, noise=0.8)
    observed = np.ones(60, bool)
    assert motion(photo, ALL) > 2 * DEFAULT.min_motion
    (rejected,) = clean(photo, observed, DEFAULT)[1]
    assert (rejected.reason, rejected.threshold) == ("photograph", DEFAULT.min_posture)
    assert clean(photo, observed, HMMR_2019)[0]
    photo[:, LIMBS[:6], 0] += 20 * np.sin(np.arange(60) / 4)[:, None]
    assert clean(photo, observed, DEFAULT)[0]


def test_joints_that_are_not_seen_say_nothing() -> None:
    photo = _photograph(0.01, 1, 0)
    photo[10:20, LIMBS[:4], :2] = 0
    seen = ALL.copy()
    seen[10:20, LIMBS[:4]] = False
    assert posture_change(photo, seen) < 1e-4
    assert posture_change(photo, ~ALL) == posture_change(photo[:1], ALL[:1]) == float("inf")
