"""Errors of predicted points against true ones, one value a frame: distances, shares, and the alignments before them.

Nothing is aligned but what a function's name says: roots, joints and frames are a protocol's business. The prediction
is always moved onto the target, and only the joints that count (the mask) decide how: the scale comes from the
prediction's own spread, so aligning the other way round is another measure (docs/hazards.md, 3).

The rotation of a similarity is fitted to a whole test set at once. LAPACK decomposes one 3x3 matrix after the other;
35,515 of them cost more than everything else of the evaluator. The Fast Optimal Attitude Matrix (F. L. Markley,
"Attitude determination using vector observations: a fast optimal matrix algorithm", J. Astronautical Sciences 41(2),
1993) gives the same rotation from arithmetic alone, which vectorises. Where it is ill-conditioned (points nearly on a
line, or nearly a mirror image) those frames go to the SVD.

Legend: ... any leading axes, B frames, J joints, V vertices, 3 x y z in metres, camera axes (x right, y down, z
forward).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluation.metrics.inputs import MM_PER_M, Array, kept, masked_centre, masked_mean, pair, visible, working


def joint_errors(pred: Array, target: Array) -> Tensor:
    """Distance of every joint, (..., J) mm."""
    first, second = pair(pred, target)
    errors: Tensor = torch.linalg.vector_norm(first - second, dim=-1) * MM_PER_M
    return errors


def mpjpe(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Mean distance over the joints that count: (..., J, 3) m twice to (...) mm. NaN where no joint counts."""
    errors = joint_errors(pred, target)
    return masked_mean(errors, visible(errors[..., None], mask))


def pa_mpjpe(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """As `mpjpe` after the best similarity without reflection, fitted to the joints that count.

    Least squares is not the mean distance, so this can exceed `mpjpe` (docs/hazards.md, 6).
    """
    return mpjpe(similarity_aligned(pred, target, mask), target, mask)


def scale_aligned_mpjpe(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """As `mpjpe` after the best scale about the origin (N-MPJPE); root-align first where the protocol says so."""
    return mpjpe(scale_aligned(pred, target, mask), target, mask)


def pve(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Per-vertex error: `mpjpe` of meshes (..., V, 3) in metres, nothing aligned. ValueError for a mesh of zeros.

    A mesh of zeros is how files say "no mesh": scored, it gave one group a PVE of 912 mm (docs/hazards.md, 15).
    """
    _, mesh = pair(pred, target)
    if mesh.numel() and not bool(mesh.any()):
        raise ValueError("the true mesh is all zeros: there is no mesh to score against")
    return mpjpe(pred, target, mask)


def pa_pve(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """As `pve` after the best similarity without reflection, fitted to the vertices."""
    return pve(similarity_aligned(pred, target, mask), target, mask)


PCK_3D_MM = 150.0
"""Mehta et al. 2017 (MPI-INF-3DHP): half the size of a head."""

PCK_3DPW_MM = 50.0
"""The 3DPW challenge's evaluation code; inclusive as here, over 12 joints of the 24 (docs/conventions.md 2)."""

AUC_3D_STEPS = 31
"""Thresholds 0, 5, ..., 150 mm: the MPI-INF-3DHP evaluation code."""


def pck_3d(pred: Array, target: Array, mask: Array | None = None, *, threshold_mm: float = PCK_3D_MM) -> Tensor:
    """Share of the joints that count, (...) in 0 to 1, within `threshold_mm` (inclusive). NaN errors make it NaN."""
    errors = joint_errors(pred, target)
    return _share_within(errors, visible(errors[..., None], mask), threshold_mm)


def auc_3d(
    pred: Array, target: Array, mask: Array | None = None, *, up_to_mm: float = PCK_3D_MM, steps: int = AUC_3D_STEPS
) -> Tensor:
    """Mean of PCK over `steps` thresholds from 0 to `up_to_mm`, both ends included: (...) in 0 to 1.

    A joint with error e passes the thresholds from ceil(e / step) on, so no threshold is looped over.
    """
    errors = joint_errors(pred, target)
    step = up_to_mm / (steps - 1)
    passed = (steps - torch.ceil(errors / step)).clamp(min=0) / steps
    return masked_mean(passed, visible(errors[..., None], mask))


def _share_within(errors: Tensor, mask: Tensor | None, threshold: float) -> Tensor:
    hits = torch.where(torch.isnan(errors), errors, (errors <= threshold).to(errors.dtype))
    return masked_mean(hits, mask)


def better_mirrored(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Per frame (...) 1 where negating the prediction's depth lowers its MPJPE, else 0, NaN where MPJPE is NaN.

    Both sets must be root-aligned already: depth is mirrored about the root.
    """
    first, second = pair(pred, target)
    flipped = first * first.new_tensor([1.0, 1.0, -1.0])
    as_is, mirrored = mpjpe(first, second, mask), mpjpe(flipped, second, mask)
    return torch.where(torch.isnan(as_is), as_is, (mirrored < as_is).to(as_is.dtype))


def mirrored_share(pred: Array, target: Array, mask: Array | None = None) -> float:
    """Share in 0 to 1 of the frames with a value that are better flipped in depth; NaN without any such frame.

    The pilot saw it rise to a quarter in runs whose PA-MPJPE looked good (docs/scaling_pilot.md section 6).
    """
    flips = better_mirrored(pred, target, mask)
    return float(flips[torch.isfinite(flips)].mean())


FLAT = 1e-9
"""Second singular value of a point set, relative to the first, below which the set is a line and its turn is open."""


def root_aligned(points: Array, root: Sequence[int]) -> Tensor:
    """`points` (..., J, 3) about the mean of its joints `root`. NaN in a root joint makes the whole frame NaN."""
    tensor = working(points)
    return tensor - tensor[..., list(root), :].mean(-2, keepdim=True)


def scale_aligned(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """`pred` times the one factor a frame that is the least-squares best; nothing else is aligned.

    The factor is sum(pred . target) / sum(pred . pred) (Rhodin et al. 2018, "N-MPJPE"); 0 for an all-zero prediction.
    """
    first, second = pair(pred, target)
    counts = visible(first, mask)
    cross = kept(first * second, counts).sum((-2, -1))
    spread = kept(first.square(), counts).sum((-2, -1))
    return first * _ratio(cross, spread)[..., None, None]


def similarity_aligned(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """`pred` moved onto `target` by the best turn, scale and shift of each frame (Umeyama 1991), never by a mirror.

    A prediction whose visible joints coincide has no scale; it collapses onto the target's centre, which is the best
    that a similarity can do. Fewer than three visible joints can be fitted exactly: `degenerate` tells, a protocol's
    least number of joints keeps such frames out.
    """
    first, second = pair(pred, target)
    counts = visible(first, mask)
    centre_1, centre_2 = masked_centre(first, counts), masked_centre(second, counts)
    first = first - centre_1
    first_0 = kept(first, counts)
    rotation, trace = best_rotation(kept(second - centre_2, counts).mT @ first_0)
    scale = _ratio(trace, first_0.square().sum((-2, -1)))
    return first @ (rotation.mT * scale[..., None, None]) + centre_2


def degenerate(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Boolean (...): frames in which a similarity is not determined, since the visible joints of one set (fewer than
    three, or all on a line, or all in one place) leave the turn open. Frames with NaN are not counted here."""
    first, second = pair(pred, target)
    counts = visible(first, mask)
    return _is_line(first, counts) | _is_line(second, counts)


def _is_line(points: Tensor, counts: Tensor | None) -> Tensor:
    """Whether the points (..., J, 3) that count span less than a plane: their Gram matrix has no second invariant."""
    centred = kept(points - masked_centre(points, counts), counts)
    gram = centred.mT @ centred
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    second = (trace.square() - gram.square().sum((-2, -1))) / 2
    return second <= FLAT * trace.square()


def _ratio(numerator: Tensor, spread: Tensor) -> Tensor:
    """numerator / spread, and 0 where the spread is exactly 0: points in one place have no scale."""
    return torch.where(spread == 0, 0.0, numerator / spread)


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
