"""Measures in the image: 2D PCK in HMMR's own way and in the standard ways, pixel error, OKS.

Legend: ... any leading axes, J joints, 2 x y in pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluation.metrics.inputs import Array, kept, masked_centre, masked_mean, pair, visible, working

HMMR_CROP_PX = 224.0
HMMR_PCK_ALPHA = 0.05
"""HMMR counts a keypoint as right within 0.05 x 224 = 11.2 px of the crop, after a 2D alignment (docs/paper.md 4.2)."""

COCO_SIGMAS: tuple[float, ...] = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip
"""Spread of human clicks per COCO keypoint, as in its evaluation code (cocoapi, COCOeval)."""


def pixel_error(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Mean distance in the image over the joints that count: (..., J, 2) px twice to (...) px."""
    first, second = pair(pred, target, 2)
    return masked_mean((first - second).norm(dim=-1), visible(first, mask))


def pck_2d(
    pred: Array, target: Array, reference_px: Array | float, mask: Array | None = None, *, alpha: float = 0.5
) -> Tensor:
    """Share of joints within `alpha` times a reference length (...) of each frame: (...) in 0 to 1.

    The standard ways differ in that length: the head segment with 0.5 (MPII's PCKh), the torso with 0.2 (FLIC), the
    larger side of the box with 0.2 (Penn Action, `box_side`).
    """
    first, second = pair(pred, target, 2)
    errors = (first - second).norm(dim=-1)
    limit = torch.as_tensor(reference_px, dtype=errors.dtype, device=errors.device) * alpha
    hits = torch.where(torch.isnan(errors), errors, (errors <= limit[..., None]).to(errors.dtype))
    return masked_mean(hits, visible(first, mask))


def box_side(target: Array, mask: Array | None = None) -> Tensor:
    """Larger side (...) px of the box about the joints that count; NaN where none does."""
    points = working(target)
    counts = visible(points, mask)
    high = points.amax(-2) if counts is None else torch.where(counts[..., None], points, -torch.inf).amax(-2)
    low = points.amin(-2) if counts is None else torch.where(counts[..., None], points, torch.inf).amin(-2)
    side = (high - low).amax(-1)
    return torch.where(torch.isfinite(side), side, torch.nan)


def hmmr_kp_pa(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Pixel error after HMMR's own 2D alignment; the scale is not the least-squares one (docs/hazards.md, 18)."""
    return pixel_error(_fitted(pred, target, mask, hmmr_scale=True), target, mask)


def kp_pa(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Pixel error after the least-squares scale and shift in the image, without turning."""
    return pixel_error(_fitted(pred, target, mask, hmmr_scale=False), target, mask)


def hmmr_pck(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """HMMR's "kp_pck": share of joints within 11.2 px of a 224 px crop, after HMMR's 2D alignment."""
    return pck_2d(_fitted(pred, target, mask, hmmr_scale=True), target, HMMR_CROP_PX, mask, alpha=HMMR_PCK_ALPHA)


def oks(
    pred: Array, target: Array, area: Array, mask: Array | None = None, *, sigmas: Sequence[float] = COCO_SIGMAS
) -> Tensor:
    """COCO's object keypoint similarity (...), 0 to 1: `area` (...) px^2 of the person, `mask` the labelled joints."""
    first, second = pair(pred, target, 2)
    spread = (2 * torch.tensor(sigmas, dtype=first.dtype, device=first.device)).square()
    size = torch.as_tensor(area, dtype=first.dtype, device=first.device)[..., None] + torch.finfo(torch.float64).eps
    distance = (first - second).square().sum(-1)
    return masked_mean(torch.exp(-distance / (2 * spread * size)), visible(first, mask))


def _fitted(pred: Array, target: Array, mask: Array | None, *, hmmr_scale: bool) -> Tensor:
    """`pred` under the scale and shift that bring it to `target`; HMMR's scale is tr((X^T X)^-1 X^T Y) / 2."""
    first, second = pair(pred, target, 2)
    counts = visible(first, mask)
    centre_1, centre_2 = masked_centre(first, counts), masked_centre(second, counts)
    x, y = kept(first - centre_1, counts), kept(second - centre_2, counts)
    spread = x.square().sum((-2, -1))
    scale = _half_trace(x.mT @ x, x.mT @ y) if hmmr_scale else (x * y).sum((-2, -1)) / spread
    scale = torch.where(spread == 0, 0.0, scale)
    return (first - centre_1) * scale[..., None, None] + centre_2


def _half_trace(gram: Tensor, cross: Tensor) -> Tensor:
    """tr(G^-1 C) / 2 of 2x2 matrices, by the adjugate."""
    (a, b), (c, d) = (row.unbind(-1) for row in gram.unbind(-2))
    (e, f), (g, h) = (row.unbind(-1) for row in cross.unbind(-2))
    return (d * e - b * g - c * f + a * h) / (2 * (a * d - b * c))
