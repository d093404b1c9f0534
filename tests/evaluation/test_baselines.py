"""The baselines: they learn from labelled data alone and choose on dev."""

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, indices
from evaluation.baselines import fit_ridge, mean_pose, ridge, zero_shot, zero_shot_smoothed
from evaluation.protocols.registry import OPEN_V1
from evaluation.score import aggregate, score_sequences

HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)


def _phi(label, noise=0.0, seed=0):
    flat = label.keypoints_3d.reshape(len(label.valid), -1) - label.keypoints_3d[:, HIPS].mean((1, 2))[:, None]
    return (flat + noise * np.random.default_rng(seed).normal(size=flat.shape)).astype(np.float16)


def test_mean_pose_is_the_mean_about_the_hips(make_labels) -> None:
    label = make_labels()
    pred = mean_pose({"a": label}, {"x": 4})["x"]
    centred = label.keypoints_3d - label.keypoints_3d[:, HIPS].mean(1, keepdims=True)
    np.testing.assert_allclose(pred, np.tile(centred.mean(0), (4, 1, 1)), atol=1e-5)


def test_ridge_recovers_a_linear_feature_and_beats_the_mean(make_labels) -> None:
    labels = {f"l{i}": make_labels(f"l{i}", 60, i) for i in range(6)}
    test = {"t": make_labels("t", 40, 99)}
    phi = {name: _phi(label) for name, label in (labels | test).items()}
    best = ridge(phi, labels, {"t": phi["t"]}, test, OPEN_V1)
    scores = [
        aggregate(score_sequences(pred, test, OPEN_V1))["mpjpe_mm"].macro
        for pred in (best.predict({"t": phi["t"]}), mean_pose(labels, {"t": 40}))
    ]
    assert scores[0] < 0.5 * scores[1]


def test_ridge_is_the_closed_form(make_labels) -> None:
    label = make_labels(frames=50)
    phi = _phi(label)[:, :10]
    (model,) = fit_ridge({"a": phi}, {"a": label}, [3.0])
    x = (phi.astype(float) - model.mean) / model.scale
    y = label.keypoints_3d.astype(float)
    y = (y - y[:, HIPS].mean(1, keepdims=True)).reshape(50, -1)
    expected = np.linalg.solve(x.T @ x + 3.0 * np.eye(10), x.T @ (y - y.mean(0)))
    np.testing.assert_allclose(model.weights, expected, atol=1e-9)


def test_strength_is_chosen_on_dev_not_on_the_labelled(make_labels) -> None:
    labels = {f"l{i}": make_labels(f"l{i}", 10, i) for i in range(3)}
    dev = {f"d{i}": make_labels(f"d{i}", 40, 50 + i) for i in range(3)}
    phi = {name: _phi(label, noise=0.3, seed=7) for name, label in (labels | dev).items()}
    candidates = fit_ridge(phi, labels)
    errors = [aggregate(score_sequences(c.predict(phi), dev, OPEN_V1))["pa_mpjpe_mm"].macro for c in candidates]
    chosen = ridge(phi, labels, phi, dev, OPEN_V1)
    assert chosen.strength == candidates[int(np.argmin(errors))].strength
    assert chosen.strength > min(c.strength for c in candidates)


def test_unlabelled_joints_and_frames_are_left_out_of_the_fit(make_labels) -> None:
    label = make_labels(frames=20)
    label.keypoints_3d[:, 13] = np.nan
    label.valid[:5] = False
    phi = {"a": _phi(make_labels(frames=20))}
    assert np.isnan(mean_pose({"a": label}, {"a": 1})["a"][0, 13]).all()
    pred = fit_ridge(phi, {"a": label}, [1.0])[0].predict(phi)["a"]
    assert np.isnan(pred[:, 13]).all()
    assert np.isfinite(pred[:, :13]).all()
    with pytest.raises(ValueError, match="no labelled tracklet"):
        fit_ridge({}, {"a": label})


def test_zero_shot_is_passed_on_untouched(make_labels) -> None:
    points = make_labels().keypoints_3d
    assert zero_shot({"a": points})["a"] is points


def test_smoothing_lowers_jitter_and_keeps_what_is_steady() -> None:
    rng = np.random.default_rng(0)
    steady = np.broadcast_to(rng.normal(size=(1, 25, 3)), (60, 25, 3)) + np.linspace(0, 1, 60)[:, None, None]
    noise = rng.normal(0, 0.02, steady.shape)
    smooth = zero_shot_smoothed({"a": (steady + noise).astype(np.float32)})["a"]
    inner = slice(8, -8)  # at the ends a filter sees one side only
    assert np.abs(smooth[inner] - steady[inner]).std() < 0.4 * noise.std()
    jitter, before = (np.diff(points, 2, axis=0)[inner].std() for points in (smooth, steady + noise))
    assert jitter < before / 8
    np.testing.assert_allclose(
        zero_shot_smoothed({"a": steady.astype(np.float32)})["a"][inner], steady[inner], atol=1e-5
    )


def test_frames_without_a_value_weigh_nothing() -> None:
    points = np.ones((20, 25, 3), np.float32)
    points[5:9] = np.nan
    points[:, 3] = np.nan
    smooth = zero_shot_smoothed({"a": points})["a"]
    assert np.isnan(smooth).tolist() == np.isnan(points).tolist()
    np.testing.assert_allclose(smooth[np.isfinite(points)], 1.0, rtol=1e-6)


def test_smoothing_is_a_gaussian_of_two_frames() -> None:
    points = np.zeros((41, 25, 3), np.float32)
    points[20] = 1.0
    weight = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    np.testing.assert_allclose(zero_shot_smoothed({"a": points})["a"][12:29, 0, 0], weight / weight.sum(), rtol=1e-5)
