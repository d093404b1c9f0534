"""Rotations against scipy and roma, gradients included, at the angles where formulas break."""

import numpy as np
import pytest
import roma
import torch
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24, mirror_permutation
from body.rotations import (
    axis_angle_to_matrix,
    geodesic,
    matrix_to_axis_angle,
    matrix_to_rot6d,
    mirror_pose,
    rot6d_to_matrix,
)

ANGLES = [0.0, 1e-9, 1e-6, 1e-4, 1.01e-4, 1e-3, 0.5, np.pi / 2, 3.0, *(np.pi + e for e in (-1e-3, -1e-5, -1e-7, 0))]


def axis_angles(angle: float, count: int = 50) -> torch.Tensor:
    axes = np.random.default_rng(1).normal(size=(count, 3))
    axes[:3] = np.eye(3)
    return torch.as_tensor(axes / np.linalg.norm(axes, axis=1, keepdims=True) * angle)


@pytest.mark.parametrize("angle", [*ANGLES, np.pi + 1e-5, np.pi + 1e-3, 5.0, 2 * np.pi, 20.0])
def test_matrices_are_those_of_scipy(angle: float) -> None:
    a = axis_angles(angle)
    expected = Rotation.from_rotvec(a.numpy()).as_matrix()
    np.testing.assert_allclose(axis_angle_to_matrix(a).numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(axis_angle_to_matrix(a.float()).numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("angle", ANGLES)
def test_axis_angle_comes_back_also_at_pi(angle: float) -> None:
    a = axis_angles(angle)
    back = matrix_to_axis_angle(axis_angle_to_matrix(a))
    if angle > np.pi - 1e-9:
        back = back * (back * a).sum(-1, keepdim=True).sign()
    np.testing.assert_allclose(back.numpy(), a.numpy(), atol=1e-9)


@pytest.mark.parametrize("beyond", [1e-7, 1e-5, 1e-3])
def test_angles_beyond_pi_come_back_as_the_shorter_way_round(beyond: float) -> None:
    a = axis_angles(np.pi + beyond)
    expected = Rotation.from_rotvec(a.numpy()).as_rotvec()
    np.testing.assert_allclose(matrix_to_axis_angle(axis_angle_to_matrix(a)).numpy(), expected, atol=1e-8)


def test_random_matrices_agree_with_roma_in_value_and_gradient() -> None:
    R = roma.random_rotmat(200, dtype=torch.float64)
    ours, theirs = (R.clone().requires_grad_() for _ in range(2))
    a, b = matrix_to_axis_angle(ours), roma.rotmat_to_rotvec(theirs)
    torch.testing.assert_close(a, b, atol=1e-10, rtol=0)
    vector = a.detach().clone().requires_grad_()
    other = a.detach().clone().requires_grad_()
    weight = torch.randn(200, 3, 3, dtype=torch.float64)
    (axis_angle_to_matrix(vector) * weight).sum().backward()
    (roma.rotvec_to_rotmat(other) * weight).sum().backward()
    torch.testing.assert_close(vector.grad, other.grad, atol=1e-8, rtol=0)


def test_gradients_pass_the_numeric_check_at_zero_and_elsewhere() -> None:
    for a in (torch.zeros(2, 3).double(), axis_angles(0.7, 4), axis_angles(3.1, 4)):
        assert torch.autograd.gradcheck(axis_angle_to_matrix, a.clone().requires_grad_())
    tilted = axis_angle_to_matrix(axis_angles(2.0, 4)).requires_grad_()
    assert torch.autograd.gradcheck(lambda R: matrix_to_axis_angle(rot6d_to_matrix(matrix_to_rot6d(R))), tilted)


def test_zero_rotation_has_a_finite_gradient_back_to_axis_angle() -> None:
    R = torch.eye(3, dtype=torch.float64).requires_grad_()
    matrix_to_axis_angle(R).sum().backward()
    assert torch.isfinite(R.grad).all()


def test_rot6d_is_roma_gram_schmidt_and_round_trips() -> None:
    d = torch.randn(100, 6, dtype=torch.float64)
    columns = torch.stack([d[:, :3], d[:, 3:]], dim=-1)
    torch.testing.assert_close(rot6d_to_matrix(d), roma.special_gramschmidt(columns))
    R = roma.random_rotmat(100, dtype=torch.float64)
    torch.testing.assert_close(rot6d_to_matrix(matrix_to_rot6d(R)), R)


@pytest.mark.parametrize("angle", ANGLES)
def test_geodesic_is_the_angle_between(angle: float) -> None:
    base = roma.random_rotmat(50, dtype=torch.float64)
    turned = base @ axis_angle_to_matrix(axis_angles(angle))
    np.testing.assert_allclose(geodesic(base, turned).numpy(), angle, atol=1e-8)


def test_mirrored_pose_is_swap_and_sign_of_axis_angle_with_the_root() -> None:
    a = axis_angles(1.3, 24).flip(0)[None]
    swapped = a[:, mirror_permutation(SMPL_24)] * torch.tensor([1.0, -1, -1])
    torch.testing.assert_close(mirror_pose(axis_angle_to_matrix(a)), axis_angle_to_matrix(swapped))
    assert not torch.allclose(mirror_pose(axis_angle_to_matrix(a))[:, 0], axis_angle_to_matrix(a)[:, 0])
