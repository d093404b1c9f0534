from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from body.keypoints import KeypointModel
from hmmr_model.augment import augment, hide_joints, mirror, move_crop
from hmmr_model.batch import Batch
from hmmr_model.configs import DataConfig
from hmmr_model.data import TrainingSet
from hmmr_model.tracks import Track

ALL = torch.ones(4, dtype=torch.bool)
CONFIG = DataConfig(batch=4, target_margin=0)


def _keypoint_batch(make_tracks: Callable[..., list[Track]]) -> Batch:
    """A batch whose φ is the keypoints themselves."""
    tracks = [replace(t, phi_TD=t.keypoints_TJ3.reshape(len(t), 75).astype(np.float16)) for t in make_tracks([30] * 3)]
    return TrainingSet(tracks, [], CONFIG, 0).batch(0)


def test_a_feature_of_an_image_cannot_follow_so_nothing_moves(make_tracks: Callable[..., list[Track]]) -> None:
    batch = TrainingSet(make_tracks([30] * 3), [], CONFIG, 0).batch(0)
    assert augment(batch, CONFIG, np.random.default_rng(0)) is batch


def test_keypoint_features_move_with_their_labels(make_tracks: Callable[..., list[Track]]) -> None:
    config = replace(CONFIG, phi_name="keypoints", joint_dropout=0.0)
    batch = augment(_keypoint_batch(make_tracks), config, np.random.default_rng(0))
    phi = batch.phi_BTD.reshape(4, 20, 25, 3)
    np.testing.assert_allclose(phi[..., :2], batch.keypoints_BUJ3[..., :2], atol=2e-3)
    assert not torch.equal(batch.keypoints_BUJ3, _keypoint_batch(make_tracks).keypoints_BUJ3)


def test_mirrored_pose_is_the_pose_of_the_mirrored_body(
    make_tracks: Callable[..., list[Track]], keypoint_model: KeypointModel
) -> None:
    """The body is symmetric: posing with mirrored rotations must give the mirrored points, whatever the formulas."""
    batch = mirror(_keypoint_batch(make_tracks), ALL)
    points, joints = keypoint_model(batch.rotations_LUJ33.flatten(0, 1), batch.betas_LUK.flatten(0, 1))
    posed = (points - joints[:, :1]).reshape(batch.joints_LUJ3.shape)
    difference = (posed - posed[..., 2:4, :].mean(-2, keepdim=True)) - (
        batch.joints_LUJ3 - batch.joints_LUJ3[..., 2:4, :].mean(-2, keepdim=True)
    )
    assert difference.abs().max() < 2e-3


def test_mirroring_twice_changes_nothing(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    twice = mirror(mirror(batch, ALL), ALL)
    for name in ("phi_BTD", "keypoints_BUJ3", "joints_LUJ3", "rotations_LUJ33", "joints_weight_LUJ"):
        assert torch.equal(getattr(twice, name), getattr(batch, name))


def test_mirroring_swaps_sides_in_flagged_windows_only(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    mirrored = mirror(batch, torch.tensor([True, False, False, True]))
    assert torch.equal(mirrored.keypoints_BUJ3[0, :, 6, 0], -batch.keypoints_BUJ3[0, :, 11, 0])  # wrists
    assert torch.equal(mirrored.keypoints_BUJ3[1], batch.keypoints_BUJ3[1])


def test_moving_the_crop_leaves_unseen_inputs_at_zero(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    hidden = hide_joints(batch, torch.ones(4, 20, 25, dtype=torch.bool))
    moved = move_crop(hidden, torch.full((4,), 1.1), torch.full((4, 2), 0.1))
    assert not moved.phi_BTD.any()
    np.testing.assert_allclose(moved.keypoints_BUJ3[..., :2], batch.keypoints_BUJ3[..., :2] * 1.1 + 0.1, atol=1e-6)
