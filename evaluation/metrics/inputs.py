"""What every metric does with its input: one working precision, one meaning of a mask, one meaning of NaN.

Legend: ... any leading axes, J joints, 3 x y z.

The rule for NaN, everywhere: a masked-out joint counts for nothing, whatever it holds; a NaN or an infinity in a joint
that is *not* masked out makes its frame's value NaN. So a failed prediction shows as NaN, which averages count
(`evaluation.score.average`), and never as a frame that went missing.
"""

from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = Tensor | NDArray[Any]
"""What the metrics take; they always give tensors back."""

MM_PER_M = 1000.0


def working(values: Array) -> Tensor:
    """`values` as a tensor on its own device in float64, or float32 where the device (Apple's MPS) has no doubles."""
    tensor = torch.as_tensor(values)
    return tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64)


def visible(points: Tensor, mask: Array | None) -> Tensor | None:
    """Mask (..., J) of the joints that count, broadcast over leading axes; None, which means all joints, stays None."""
    if mask is None:
        return None
    return torch.as_tensor(mask, device=points.device).to(torch.bool).expand(points.shape[:-1])


def pair(pred: Array, target: Array, width: int = 3) -> tuple[Tensor, Tensor]:
    """Both point sets in working precision; ValueError where they are not (..., J, width) of one shape."""
    first, second = working(pred), working(target)
    if first.shape != second.shape:
        raise ValueError(f"prediction {tuple(first.shape)} and target {tuple(second.shape)} differ in shape")
    if first.ndim < 2 or first.shape[-1] != width:
        raise ValueError(f"points must be (..., J, {width}), not {tuple(first.shape)}")
    return first, second


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of (..., J) over the joints that count; NaN where none does."""
    if mask is None:
        return values.mean(-1)
    count = mask.sum(-1)
    total = torch.where(mask, values, 0.0).sum(-1)
    return torch.where(count > 0, total / count.clamp(min=1), torch.nan)


def masked_centre(points: Tensor, mask: Tensor | None) -> Tensor:
    """Mean (..., 1, D) of the points (..., J, D) that count; zero where none does."""
    if mask is None:
        return points.mean(-2, keepdim=True)
    return kept(points, mask).sum(-2, keepdim=True) / mask.sum(-1)[..., None, None].clamp(min=1)


def kept(points: Tensor, mask: Tensor | None) -> Tensor:
    """`points` (..., J, D) with zeros where they do not count."""
    return points if mask is None else torch.where(mask[..., None], points, 0.0)
