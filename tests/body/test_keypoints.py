"""Keypoints without vertices are the keypoints of the vertices."""

from pathlib import Path

import numpy as np
import pytest
import torch

from body.joints import KEYPOINTS_25, indices
from body.keypoints import KeypointModel
from body.model import BodyModel
from body.open24 import OPEN24_FILE
from body.rotations import axis_angle_to_matrix
from body.smpl_file import BodyFileError


@pytest.mark.parametrize("which", ["open24", "random"])
def test_they_agree_with_the_full_mesh_to_a_micrometre(which: str, random_body: Path) -> None:
    path = OPEN24_FILE if which == "open24" else random_body
    body, keypoints = BodyModel.load(path).double(), KeypointModel.load(path).double()
    R = axis_angle_to_matrix(torch.randn(20, 24, 3, dtype=torch.float64) * 0.7).requires_grad_()
    betas = torch.randn(20, 10, dtype=torch.float64).requires_grad_()
    vertices, joints = body(R, betas)
    slow = torch.as_tensor(body.arrays.keypoint_regressor) @ vertices
    fast, fast_joints = keypoints(R, betas)
    torch.testing.assert_close(fast, slow, atol=1e-6, rtol=0)
    torch.testing.assert_close(fast_joints, joints, atol=1e-6, rtol=0)
    weight = torch.randn_like(slow)
    for a, b in zip(*(torch.autograd.grad((k * weight).sum(), (R, betas)) for k in (fast, slow)), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_single_precision_stays_within_a_micrometre_of_double() -> None:
    exact, used = KeypointModel.load().double(), KeypointModel.load()
    R, betas = axis_angle_to_matrix(torch.randn(50, 24, 3) * 0.5), torch.randn(50, 10)
    error = (used(R, betas)[0] - exact(R.double(), betas.double())[0]).abs().max()
    assert error < 2e-6


def test_few_pairs_of_keypoint_and_joint_take_part() -> None:
    assert len(KeypointModel.load().pair_joint) < 150


def test_keypoints_of_the_resting_body_lie_where_their_names_say() -> None:
    rest = KeypointModel.load()(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10))[0][0]
    point = dict(zip(KEYPOINTS_25, rest, strict=True))
    assert point["left_wrist"][0] > 0.5 > -0.5 > point["right_wrist"][0]
    assert point["head_top"][1] > point["nose"][1] > point["neck"][1] > point["left_hip"][1] > point["left_ankle"][1]
    assert point["left_ankle"][1] > point["left_heel"][1]
    assert point["left_big_toe"][2] > point["left_ankle"][2] > point["left_heel"][2]
    assert indices(["right_heel", "left_heel"], KEYPOINTS_25) == [0, 5]


def test_a_body_without_keypoints_says_what_to_pass(tmp_path: Path, random_body: Path) -> None:
    bare = tmp_path / "bare.npz"
    with np.load(random_body) as stored:
        np.savez(bare, **{name: stored[name] for name in stored.files if name != "keypoint_regressor"})
    with pytest.raises(BodyFileError, match=r"bare\.npz.*regressor"):
        KeypointModel.load(bare)
