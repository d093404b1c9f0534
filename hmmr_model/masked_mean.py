"""The mean over what counts: TF's "sum by non-zero weights", the same in one process and in many."""

import torch
import torch.distributed as dist
from torch import Tensor


def masked_mean(value: Tensor, weight: Tensor) -> Tensor:
    """sum(value * weight) / sum(weight), with `weight` (0 or 1) broadcast over `value`; 0 where nothing counts.

    Averaging over all elements instead would change the loss's scale with the mix of labels (reference/paper.md 8.11).
    Under several processes the divisor is the count of all of them over their number, so that the mean of the
    processes' gradients is the gradient of one process with the whole batch.
    """
    weight = weight.expand_as(value)
    total = weight.sum()
    if dist.is_available() and dist.is_initialized():
        total = total.detach().clone()
        dist.all_reduce(total)
        total = total / dist.get_world_size()
    # where() and not a product: a hidden label may be NaN, and 0 * NaN is NaN.
    kept = torch.where(weight > 0, value, torch.zeros_like(value))
    return (kept * weight).sum() / total.clamp_min(1e-12)
