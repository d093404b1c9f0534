"""The camera of a Δ head, which predicts none: the best one in closed form (reference/paper.md 2.1).

N frames, J keypoints; x right, y down. X in metres, Y in crop coordinates [-1, 1].
"""

import torch
from torch import Tensor

SCALE_RANGE = (0.7, 10.0)
"""Clip of the scale in the released code: without the floor a pose predicted mirrored collapses to a point."""
RIDGE = 1e-6


@torch.no_grad()
def optimal_camera(x_NJ2: Tensor, y_NJ2: Tensor, visible_NJ: Tensor) -> Tensor:
    """Scale and shift (N, 3) that best map X onto Y over visible joints, as a constant (no gradient).

    The scale is half the trace of the unconstrained 2x2 least-squares map, as the code has it, and not the
    least-squares scalar. Frames without a visible joint get finite numbers that a masked loss ignores.
    """
    weight_NJ1 = visible_NJ[..., None]
    count_N1 = weight_NJ1.sum(dim=-2).clamp_min(1.0)
    mean_x_N2 = (x_NJ2 * weight_NJ1).sum(dim=-2) / count_N1
    mean_y_N2 = (y_NJ2 * weight_NJ1).sum(dim=-2) / count_N1
    x = (x_NJ2 - mean_x_N2[..., None, :]) * weight_NJ1
    y = (y_NJ2 - mean_y_N2[..., None, :]) * weight_NJ1
    gram = x.mT @ x + RIDGE * torch.eye(2, device=x.device, dtype=x.dtype)
    map_N22 = torch.linalg.solve(gram, x.mT @ y)
    scale_N1 = 0.5 * map_N22.diagonal(dim1=-2, dim2=-1).sum(dim=-1, keepdim=True)
    scale_N1 = scale_N1.clamp(*SCALE_RANGE)
    return torch.cat([scale_N1, mean_y_N2 / scale_N1 - mean_x_N2], dim=-1)
