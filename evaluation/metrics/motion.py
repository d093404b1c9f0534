"""Measures of motion: acceleration and its error, jitter, sliding feet. Time runs along the first axis.

A sequence given here is one person, frames in order and evenly spaced. Where frames are missing, pass `frames`, their
numbers: a difference is then taken only over consecutive ones and is NaN elsewhere (docs/hazards.md, 9 and 10).

Legend: T frames, J joints, F feet, 3 x y z in metres.
"""

import math

import torch
from torch import Tensor

from evaluation.metrics.inputs import MM_PER_M, Array, masked_mean, pair, visible, working


def acceleration_error(
    pred: Array, target: Array, fps: float, mask: Array | None = None, *, frames: Array | None = None
) -> tuple[Tensor, Tensor]:
    """Mean size of the difference of second differences over joints: (T, J, 3) m to two (T-2,), mm/frame^2 and m/s^2.

    A joint counts where it counts in all three frames. ValueError where fps is not a positive number: without it the
    second unit is a guess (hazard 7).
    """
    first, second = pair(pred, target)
    per_frame = _acceleration(first - second, mask, frames)
    return per_frame, _per_second(per_frame, fps, 2)


def acceleration(
    pred: Array, fps: float, mask: Array | None = None, *, frames: Array | None = None
) -> tuple[Tensor, Tensor]:
    """Mean size of the prediction's own acceleration, no truth involved: what HMMR prints as "accel" (hazard 8)."""
    per_frame = _acceleration(working(pred), mask, frames)
    return per_frame, _per_second(per_frame, fps, 2)


def jitter(pred: Array, fps: float, mask: Array | None = None, *, frames: Array | None = None) -> tuple[Tensor, Tensor]:
    """Mean size of the third difference over joints: (T, J, 3) m to two (T-3,), mm/frame^3 and m/s^3."""
    points = working(pred)
    third = points[3:] - 3 * points[2:-1] + 3 * points[1:-2] - points[:-3]
    per_frame = _sized(third, visible(points, mask), 3, frames)
    return per_frame, _per_second(per_frame, fps, 3)


def foot_sliding(feet: Array, contact: Array) -> Tensor:
    """Horizontal way (T-1,) mm that feet in contact slide between two frames, mean over the feet that stay down.

    `feet` (T, F, 3) m in a frame with y vertical; `contact` (T, F) bool, of the truth. NaN where no foot stays down.
    """
    points = working(feet)
    down = torch.as_tensor(contact, device=points.device).to(torch.bool)
    way = (points[1:] - points[:-1])[..., [0, 2]].norm(dim=-1) * MM_PER_M
    return masked_mean(way, down[1:] & down[:-1])


def consecutive(frames: Array, span: int) -> Tensor:
    """Boolean (T - span,): whether frame numbers i ... i+span follow one another without a gap."""
    numbers = torch.as_tensor(frames)
    steps = (numbers[1:] - numbers[:-1]) == 1
    return torch.stack([steps[i : len(steps) - span + 1 + i] for i in range(span)]).all(0)


def _acceleration(points: Tensor, mask: Array | None, frames: Array | None) -> Tensor:
    second = points[2:] - 2 * points[1:-1] + points[:-2]
    return _sized(second, visible(points, mask), 2, frames)


def _sized(difference: Tensor, mask: Tensor | None, span: int, frames: Array | None) -> Tensor:
    """Mean size in mm over joints that count in all span + 1 frames; NaN over a gap in the frame numbers."""
    length = len(difference)
    counts = None if mask is None else torch.stack([mask[i : i + length] for i in range(span + 1)]).all(0)
    values = masked_mean(difference.norm(dim=-1) * MM_PER_M, counts)
    if frames is None or length == 0:
        return values
    return torch.where(consecutive(frames, span).to(values.device), values, torch.nan)


def _per_second(per_frame: Tensor, fps: float, order: int) -> Tensor:
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"the frame rate must be known and positive to measure motion, not {fps!r}")
    return per_frame * (fps**order / MM_PER_M)
