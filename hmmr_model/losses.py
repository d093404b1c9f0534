"""The terms of the objective, one function each, with the halves and means of the released code (docs/paper.md 2.1).

B windows, T frames, J 25 keypoints, K betas; `...` any leading shape. Metres, and crop coordinates [-1, 1].

The mean over what counts: TF's "sum by non-zero weights", the same in one process and in many.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def masked_mean(value: Tensor, weight: Tensor) -> Tensor:
    """sum(value * weight) / sum(weight), with `weight` (0 or 1) broadcast over `value`; 0 where nothing counts.

    Averaging over all elements instead would change the loss's scale with the mix of labels (docs/paper.md 8.11).
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


HIPS = (2, 3)
LSP_JOINTS = 14
"""The first 14 keypoints carry the 3D loss (docs/paper.md 1.2); 2 and 3 are the hips."""


def keypoint_loss(predicted: Tensor, keypoints: Tensor) -> Tensor:
    """Mean absolute difference of coordinates (..., J, 2) over visible ones; `keypoints` is x, y, 0 or 1."""
    return masked_mean((predicted - keypoints[..., :2]).abs(), keypoints[..., 2:])


def joint_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Half the mean squared difference, m², of 14 joints about each side's own mid-hip.

    `predicted`, `target` (..., J, 3); `weight` (..., J) is 1 where the joint has a label. A frame whose hips have no
    label has no origin and counts for nothing.
    """
    hips = weight[..., HIPS[0]] * weight[..., HIPS[1]]
    weight = weight[..., :LSP_JOINTS] * hips[..., None]
    difference = _about_hips(predicted) - _about_hips(target)
    return 0.5 * masked_mean(difference.square(), weight[..., None])


def acceleration_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of second differences over time, m/frame², of 14 joints about each side's mid-hip.

    (..., T, J, 3), `weight` (..., T, J). Counts where all three frames have a label. Not HMMR's: the acceleration term
    of SmoothNet (Zeng et al., ECCV 2022, section 3.3), asked of the network itself.
    """
    weight = weight[..., :LSP_JOINTS] * (weight[..., HIPS[0]] * weight[..., HIPS[1]])[..., None]
    whole = weight[..., 2:, :] * weight[..., 1:-1, :] * weight[..., :-2, :]
    difference = _about_hips(predicted) - _about_hips(target)
    return masked_mean(second_difference(difference).abs(), whole[..., None])


def second_difference(x: Tensor) -> Tensor:
    """(..., T, J, C) to (..., T - 2, J, C), per frame^2."""
    return x[..., 2:, :, :] - 2 * x[..., 1:-1, :, :] + x[..., :-2, :, :]


def rotation_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Half the mean squared difference of rotation matrices, root included, where `weight` (...) is 1."""
    return 0.5 * masked_mean((predicted - target).square(), weight[..., None, None, None])


def beta_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Half the mean squared difference of betas (..., K) where `weight` (...) is 1."""
    return 0.5 * masked_mean((predicted - target).square(), weight[..., None])


def beta_prior(betas: Tensor) -> Tensor:
    """Mean squared beta: stands in for HMR's shape discriminator."""
    return betas.square().mean()


def constant_shape_loss(betas_BTK: Tensor) -> Tensor:
    """Half the mean squared difference of neighbouring frames' betas: nothing else here asks for smoothness."""
    return 0.5 * (betas_BTK[:, 1:] - betas_BTK[:, :-1]).square().mean()


def hallucination_loss(seen: Tensor, hallucinated: Tensor, detach: bool) -> Tensor:
    """Mean squared difference of the two strips; the target is not detached unless asked (docs/paper.md 8.15)."""
    target = seen.detach() if detach else seen
    return (hallucinated.float() - target.float()).square().mean()


def _about_hips(joints: Tensor) -> Tensor:
    origin = joints[..., list(HIPS), :].mean(dim=-2, keepdim=True)
    return torch.sub(joints[..., :LSP_JOINTS, :], origin)
