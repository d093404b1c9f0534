"""Rotations as matrices, axis-angle vectors and 6D vectors, differentiable at every angle that training meets.

Shapes: ... any leading axes, R (..., 3, 3), axis-angle a (..., 3) radians, 6D d (..., 6), quaternion q (..., 4) wxyz.
"""

import torch
from torch import Tensor

from body.joints import SMPL_24, mirror_permutation

_SMALL_SQUARED_ANGLE = 1e-8
"""Below an angle of 1e-4 rad, series of second order are exact in float32 and have a gradient at zero."""


def axis_angle_to_matrix(a: Tensor) -> Tensor:
    """Rodrigues' formula; the gradient at a = 0 is that of the exponential map."""
    squared = (a * a).sum(-1)[..., None, None]
    small = squared < _SMALL_SQUARED_ANGLE
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    sine_part = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    # 2 sin^2(x/2) instead of 1 - cos(x): no cancellation at small angles.
    cosine_part = torch.where(small, 0.5 - squared / 24, 2 * (angle / 2).sin().square() / angle.square())
    K = _cross_matrix(a)
    return torch.eye(3, dtype=a.dtype, device=a.device) + sine_part * K + cosine_part * (K @ K)


def _cross_matrix(a: Tensor) -> Tensor:
    x, y, z = a.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*a.shape[:-1], 3, 3)


def matrix_to_quaternion(R: Tensor) -> Tensor:
    """Unit quaternion wxyz with w >= 0, by the largest of the four squared components (Shepperd 1978)."""
    m = [[R[..., i, j] for j in range(3)] for i in range(3)]
    trace = m[0][0] + m[1][1] + m[2][2]
    w_row = [1 + trace, m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]]
    x_row = [w_row[1], 1 + 2 * m[0][0] - trace, m[0][1] + m[1][0], m[0][2] + m[2][0]]
    y_row = [w_row[2], x_row[2], 1 + 2 * m[1][1] - trace, m[1][2] + m[2][1]]
    z_row = [w_row[3], x_row[3], y_row[3], 1 + 2 * m[2][2] - trace]
    rows = torch.stack([torch.stack(row, -1) for row in (w_row, x_row, y_row, z_row)], dim=-2)
    best = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = torch.gather(rows, -2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    q = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(q[..., :1] < 0, -q, q)


def matrix_to_axis_angle(R: Tensor) -> Tensor:
    """Axis-angle with angle in [0, pi]; exact to rounding at 0 and at pi, where axis and -axis are both right."""
    q = matrix_to_quaternion(R)
    w, v = q[..., :1], q[..., 1:]
    squared = (v * v).sum(-1, keepdim=True)
    small = squared < _SMALL_SQUARED_ANGLE
    length = torch.where(small, torch.ones_like(squared), squared).sqrt()
    return torch.where(small, 2 / w.clamp(min=0.5), 2 * torch.atan2(length, w) / length) * v


def rot6d_to_matrix(d: Tensor) -> Tensor:
    """Gram-Schmidt of two 3-vectors, which become the first two columns (Zhou et al., CVPR 2019, eq. 15)."""
    first = torch.nn.functional.normalize(d[..., :3], dim=-1)
    second = d[..., 3:] - (first * d[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def matrix_to_rot6d(R: Tensor) -> Tensor:
    """The first two columns of each matrix as one vector (..., 6), first column first."""
    return torch.cat([R[..., 0], R[..., 1]], dim=-1)


def geodesic(R_a: Tensor, R_b: Tensor) -> Tensor:
    """Angle (...) in radians between two rotations, accurate near 0 and near pi."""
    between: Tensor = matrix_to_axis_angle(R_a.transpose(-1, -2) @ R_b).norm(dim=-1)  # type: ignore[no-untyped-call]
    return between


def mirror_pose(R: Tensor) -> Tensor:
    """The pose of the mirrored person (..., 24, 3, 3), root included: what a horizontally flipped image shows.

    Left and right joints are swapped and x is negated on both sides of each matrix, which multiplies axis-angle
    by (1, -1, -1) (released HMMR code; docs/paper.md 8.17).
    """
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=R.dtype, device=R.device)
    return R[..., mirror_permutation(SMPL_24), :, :] * flip[:, None] * flip
