"""Distances between predicted and true points, one value a frame in millimetres.

None of these aligns anything but what its name says: roots, joints and frames are a protocol's business.

Legend: ... any leading axes, J joints, V vertices, 3 x y z in metres.
"""

import torch
from torch import Tensor

from evaluation.metrics.inputs import MM_PER_M, Array, masked_mean, pair, visible
from evaluation.metrics_alignment import scale_aligned, similarity_aligned


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

    Least squares is not the mean distance, so this can exceed `mpjpe` (conventions.md, hazard 6).
    """
    return mpjpe(similarity_aligned(pred, target, mask), target, mask)


def scale_aligned_mpjpe(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """As `mpjpe` after the best scale about the origin (N-MPJPE); root-align first where the protocol says so."""
    return mpjpe(scale_aligned(pred, target, mask), target, mask)


def pve(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Per-vertex error: `mpjpe` of meshes (..., V, 3) in metres, nothing aligned. ValueError for a mesh of zeros.

    A mesh of zeros is how files say "no mesh": scored, it gave one group a PVE of 912 mm (conventions.md, hazard 15).
    """
    _, mesh = pair(pred, target)
    if mesh.numel() and not bool(mesh.any()):
        raise ValueError("the true mesh is all zeros: there is no mesh to score against")
    return mpjpe(pred, target, mask)


def pa_pve(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """As `pve` after the best similarity without reflection, fitted to the vertices."""
    return pve(similarity_aligned(pred, target, mask), target, mask)
