"""The share of frames that would be better if they were mirrored in depth: what 2D alone cannot tell apart.

Legend: ... any leading axes, J joints, 3 x y z in metres, camera axes (x right, y down, z forward).
"""

import torch
from torch import Tensor

from evaluation.metrics.inputs import Array, pair
from evaluation.metrics_distance import mpjpe


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

    The pilot saw it rise to a quarter in runs whose PA-MPJPE looked good (scaling_pilot.md section 6).
    """
    flips = better_mirrored(pred, target, mask)
    return float(flips[torch.isfinite(flips)].mean())
