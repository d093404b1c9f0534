import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from body.rotations import matrix_to_axis_angle
from hmmr_model.configs import PoseForm
from hmmr_model.network import mean_pose, pose_numbers, pose_to_matrices


@pytest.mark.parametrize("form", ["rot6d", "axis_angle"])
def test_start_is_the_rest_pose_turned_to_an_image_whose_y_points_down(form: PoseForm) -> None:
    matrices = pose_to_matrices(mean_pose(form), form)
    np.testing.assert_allclose(matrices[0], np.diag([1.0, -1.0, -1.0]), atol=1e-6)
    np.testing.assert_allclose(matrices[1:], np.tile(np.eye(3), (23, 1, 1)), atol=1e-6)


def test_axis_angle_agrees_with_scipy() -> None:
    pose = torch.randn(5, 72, generator=torch.Generator().manual_seed(1))
    expected = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix().reshape(5, 24, 3, 3)
    np.testing.assert_allclose(pose_to_matrices(pose, "axis_angle"), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["rot6d", "axis_angle"])
def test_any_numbers_are_rotations(form: PoseForm) -> None:
    R = pose_to_matrices(torch.randn(7, pose_numbers(form)), form)
    np.testing.assert_allclose(R @ R.mT, np.tile(np.eye(3), (7, 24, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(torch.linalg.det(R), np.ones((7, 24)), atol=1e-5)
    assert matrix_to_axis_angle(R).isfinite().all()
