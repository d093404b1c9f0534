"""The terms of the objective, one function each, with the halves and means of the released code (paper.md 2.1).

B windows, T frames, J 25 keypoints, K betas; `...` any leading shape. Metres, and crop coordinates [-1, 1].
"""

import torch
from torch import Tensor

from hmmr_model.masked_mean import masked_mean

HIPS = (2, 3)
LSP_JOINTS = 14
"""The first 14 keypoints carry the 3D loss (reference/paper.md 1.2); 2 and 3 are the hips."""


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
    """Mean squared difference of the two strips; the target is not detached unless asked (paper.md 8.15)."""
    target = seen.detach() if detach else seen
    return (hallucinated.float() - target.float()).square().mean()


def _about_hips(joints: Tensor) -> Tensor:
    origin = joints[..., list(HIPS), :].mean(dim=-2, keepdim=True)
    return torch.sub(joints[..., :LSP_JOINTS, :], origin)
