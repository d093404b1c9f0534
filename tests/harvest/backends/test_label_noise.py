"""The noise model against the figures it was fitted to (docs/scaling_pilot.md section 2)."""

from dataclasses import replace

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, LIMBS_12
from harvest.backends.label_noise import NO_NOISE, NoiseModel, noisy

FRAMES = 8000
SLOTS = [KEYPOINTS_25.index(name) for name in LIMBS_12]


def standing(frames: int = FRAMES) -> np.ndarray:
    """One person of height 1 whose two sides are 0.12 apart, everything visible."""
    person = np.ones((frames, 25, 3))
    person[..., :2] = np.random.default_rng(1).uniform(0, 1, (25, 2)) * [0.35, 1]
    for slot, name in enumerate(KEYPOINTS_25):
        if name.startswith("left_"):
            person[:, slot, :2] = person[:, KEYPOINTS_25.index(name.replace("left_", "right_")), :2] + [0.12, 0.02]
    return person


def errors(model: NoiseModel) -> tuple[np.ndarray, np.ndarray]:
    truth = standing()
    labels = noisy(truth, np.ones(FRAMES), model, np.random.default_rng(0)).keypoints_F25x3[:, SLOTS]
    return np.linalg.norm(labels[..., :2] - truth[:, SLOTS, :2], axis=-1), labels[..., 2]


def test_fits_the_measured_figures() -> None:
    error, score = errors(NoiseModel())
    seen = error[score > 0]
    assert np.median(seen) == pytest.approx(0.021, abs=0.002)
    assert seen.mean() == pytest.approx(0.034, abs=0.005)
    assert np.percentile(seen, 95) == pytest.approx(0.10, abs=0.025)
    assert np.mean(score == 0) == pytest.approx(0.05, abs=0.01)


def test_a_high_score_means_a_small_error() -> None:
    error, score = errors(replace(NoiseModel(), limb_swap=0.0, body_swap=0.0))
    sure, unsure = error[score > 0.86], error[(score > 0) & (score < 0.7)]
    assert unsure.mean() > 3 * sure.mean()


def test_noise_is_correlated_in_time() -> None:
    plain = replace(NO_NOISE, deviation=0.02, correlation=0.7)
    truth = standing()
    off = noisy(truth, np.ones(FRAMES), plain, np.random.default_rng(0)).keypoints_F25x3 - truth
    wrist = off[:, KEYPOINTS_25.index("left_wrist"), 0]
    assert np.corrcoef(wrist[1:], wrist[:-1])[0, 1] == pytest.approx(0.7, abs=0.03)


def test_noise_grows_with_the_person() -> None:
    small, large = (
        noisy(standing(50), np.full(50, side), replace(NO_NOISE, deviation=0.02), np.random.default_rng(3))
        for side in (1.0, 10.0)
    )
    truth = standing(50)[..., :2]
    np.testing.assert_allclose(
        large.keypoints_F25x3[..., :2] - truth, 10 * (small.keypoints_F25x3[..., :2] - truth), atol=1e-5
    )


def test_limbs_swap_as_a_whole() -> None:
    truth = standing(200)
    model = replace(NO_NOISE, burst_frames=5, limb_swap=0.5)
    labels = noisy(truth, np.ones(200), model, np.random.default_rng(0)).keypoints_F25x3
    wrist, elbow, knee = (KEYPOINTS_25.index(f"left_{part}") for part in ("wrist", "elbow", "knee"))
    swapped = [np.abs(labels[:, slot, 0] - truth[:, slot, 0]) > 0.1 for slot in (wrist, elbow, knee)]
    np.testing.assert_array_equal(swapped[0], swapped[1])
    assert 0.2 < swapped[0].mean() < 0.8
    assert (swapped[0] != swapped[2]).any()
    np.testing.assert_array_equal(swapped[0][:5], [swapped[0][0]] * 5)


def test_no_noise_is_the_truth() -> None:
    truth = standing(7)
    truth[:, 3, 2] = 0
    labels = noisy(truth, np.ones(7), NO_NOISE, np.random.default_rng(0))
    np.testing.assert_allclose(labels.keypoints_F25x3[..., :2], truth[..., :2], atol=1e-6)
    assert labels.seen_F.all()
    assert (labels.keypoints_F25x3[:, 3, 2] < 0.3).all()
