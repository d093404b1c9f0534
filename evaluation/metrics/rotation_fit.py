"""The rotation that best turns one point set onto another, for a whole test set at once, without a loop over frames.

LAPACK decomposes one 3x3 matrix after the other; 35,515 of them cost more than everything else of the evaluator. The
Fast Optimal Attitude Matrix (F. L. Markley, "Attitude determination using vector observations: a fast optimal matrix
algorithm", J. Astronautical Sciences 41(2), 1993) gives the same rotation from arithmetic alone, which vectorises.
Where it is ill-conditioned (points nearly on a line, or nearly a mirror image) those frames go to the SVD.

Legend: B frames, 3x3 matrices.
"""

import torch
from torch import Tensor

NEWTON_STEPS = 20
"""From the upper bound the error at least halves a step until it is quadratic; 2^-14 < ILL_CONDITIONED, then 4 more."""

ILL_CONDITIONED = 1e-3
"""zeta below this (for a matrix of unit norm) goes to the SVD; above it lambda is good to 1e-12."""


def best_rotation(correlation: Tensor) -> tuple[Tensor, Tensor]:
    """The proper rotation R (B, 3, 3) that maximises trace(R^T C), and that maximum (B,), for C = sum target pred^T.

    The determinant of R is always +1: a mirrored set is never turned into its mirror image. NaN in C gives NaN.
    """
    norm_B = correlation.flatten(-2).norm(dim=-1)
    unit_B33 = correlation / torch.where(norm_B > 0, norm_B, 1.0)[..., None, None]
    cofactor_B33 = _cofactor(unit_B33)
    determinant_B = (unit_B33[..., 0, :] * cofactor_B33[..., 0, :]).sum(-1)
    lambda_B = _largest_root(determinant_B, cofactor_B33.square().sum((-2, -1)))
    kappa_B = (lambda_B.square() - 1) / 2
    zeta_B = kappa_B * lambda_B - determinant_B
    scale_B = torch.where(zeta_B > ILL_CONDITIONED, zeta_B, 1.0)[..., None, None]
    cubic_B33 = unit_B33 @ (unit_B33.mT @ unit_B33)
    rotation_B33 = ((kappa_B + 1)[..., None, None] * unit_B33 + lambda_B[..., None, None] * cofactor_B33) - cubic_B33
    rotation_B33 = rotation_B33 / scale_B
    trace_B = lambda_B * norm_B
    finite_B = torch.isfinite(norm_B)
    rotation_B33 = torch.where(finite_B[..., None, None], rotation_B33, torch.nan)
    return _by_svd_where(finite_B & ~(zeta_B > ILL_CONDITIONED), correlation, rotation_B33, trace_B)


def _cofactor(matrix: Tensor) -> Tensor:
    """Cofactor matrix (B, 3, 3): its rows are cross products of the other two rows."""
    a, b, c = matrix.unbind(-2)
    return torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], -2)


def _largest_root(determinant_B: Tensor, adjoint_B: Tensor) -> Tensor:
    """Largest root of (x^2 - 1)^2 - 8 x det - 4 |adj|^2, the sum of signed singular values of a unit-norm matrix."""
    root_B = torch.full_like(determinant_B, 3**0.5)
    for _ in range(NEWTON_STEPS):
        gap_B = root_B.square() - 1
        value_B = gap_B.square() - 8 * root_B * determinant_B - 4 * adjoint_B
        slope_B = 4 * root_B * gap_B - 8 * determinant_B
        root_B = root_B - value_B / slope_B.clamp(min=1e-12)
    return root_B


def _by_svd_where(hard_B: Tensor, correlation: Tensor, rotation_B33: Tensor, trace_B: Tensor) -> tuple[Tensor, Tensor]:
    """Replace the frames marked in `hard_B` by Kabsch's solution with Umeyama's sign (never sign(0))."""
    if not bool(hard_B.any()):
        return rotation_B33, trace_B
    u, singular, vt = torch.linalg.svd(correlation[hard_B])
    sign = torch.where(torch.linalg.det(u) * torch.linalg.det(vt) < 0, -1.0, 1.0)
    last = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
    rotation_B33, trace_B = rotation_B33.clone(), trace_B.clone()
    rotation_B33[hard_B] = (u * last[..., None, :]) @ vt
    trace_B[hard_B] = (singular * last).sum(-1)
    return rotation_B33, trace_B
