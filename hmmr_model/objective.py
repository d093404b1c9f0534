"""The generator's loss: every term, and which term sees which head at which frames (docs/paper.md 1.4, 2.1).

Each term has the factors 1/2 and the averages of HMMR's released code. Q heads, B windows (the first L labelled), T
frames of predictions, U = T + 2 x margin frames of targets, J 25 keypoints, K betas, N frames of any windows; `...`
any leading shape. Metres in camera axes (x right, y down, z forward), and crop coordinates [-1, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from body.cameras import weak_perspective
from hmmr_model.configs import LossConfig
from hmmr_model.data import Batch
from hmmr_model.network import BodyGuess, Head, Strips

Keypoints = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Rotations (N, 24, 3, 3) and betas (N, 10) to keypoints (N, 25, 3) and joints (N, 24, 3) m: body.KeypointModel."""
NOW = Head(hallucinated=False, delta=0)


def supervised_terms(
    config: LossConfig, strips: Strips, guesses: dict[Head, BodyGuess], batch: Batch, keypoints: Keypoints
) -> dict[str, Tensor]:
    """Every weighted term but the pose prior's, by name; they add up to the loss.

    The current head's under their own names; the other heads' summed, as `auxiliary_...`.
    """
    points = body_keypoints(guesses, keypoints)
    terms: dict[str, Tensor] = {}
    for head, guess in guesses.items():
        factor, prefix = (1.0, "") if head == NOW else (config.auxiliary, "auxiliary_")
        for name, value in head_terms(head, guess, points[head], batch).items():
            weighted = factor * float(getattr(config, name)) * value
            terms[prefix + name] = terms[prefix + name] + weighted if prefix + name in terms else weighted
    all_betas = torch.stack([g.betas_BTK for g in guesses.values()])
    terms["beta_prior"] = config.beta_prior * beta_prior(all_betas)
    terms["constant_shape"] = config.constant_shape * constant_shape_loss(guesses[NOW].betas_BTK)
    if config.acceleration and batch.labelled:
        terms["acceleration"] = config.acceleration * _acceleration(points[NOW], batch)
    if strips.hallucinated_BTC is not None:
        terms["hallucination"] = config.hallucination * hallucination_loss(
            strips.seen_BTC, strips.hallucinated_BTC, config.detach_hallucination_target
        )
    return terms


def head_terms(head: Head, guess: BodyGuess, points: Tensor, batch: Batch) -> dict[str, Tensor]:
    """The four supervised terms of one head, unweighted."""
    shift, n = Shift(head.delta, batch.margin), batch.labelled
    points, target_2d = shift.predicted(points), shift.target(batch.keypoints_BUJ3)
    camera = guess.camera_BT3
    if camera is None:
        visible = (target_2d[..., 2] > 0).to(points.dtype)  # their weight in the loss is not the camera's business
        camera = optimal_camera(points[..., :2], target_2d[..., :2], visible)
    terms = {"keypoints_2d": keypoint_loss(weak_perspective(points, camera), target_2d)}
    if n:
        terms["joints_3d"] = joint_loss(
            points[:n], shift.target(batch.joints_LUJ3), shift.target(batch.joints_weight_LUJ)
        )
        terms["rotations"] = rotation_loss(
            shift.predicted(guess.rotations_BTJ33[:n]),
            shift.target(batch.rotations_LUJ33),
            shift.target(batch.rotations_weight_LU),
        )
        # A Δ head inherits the current shape, so its β term is about the current frame's β.
        terms["betas"] = beta_loss(
            shift.predicted(guess.betas_BTK[:n]), shift.target(batch.betas_LUK), shift.target(batch.betas_weight_LU)
        )
    return terms


def _acceleration(points_BTJ3: Tensor, batch: Batch) -> Tensor:
    now, n = Shift(0, batch.margin), batch.labelled
    return acceleration_loss(points_BTJ3[:n], now.target(batch.joints_LUJ3), now.target(batch.joints_weight_LUJ))


def body_keypoints(guesses: dict[Head, BodyGuess], keypoints: Keypoints) -> dict[Head, Tensor]:
    """Pelvis-centred keypoints (B, T, J, 3) of every head, by one pass through the body."""
    shape = next(iter(guesses.values())).betas_BTK.shape[:2]
    rotations = torch.stack([g.rotations_BTJ33 for g in guesses.values()]).flatten(0, 2)
    betas = torch.stack([g.betas_BTK for g in guesses.values()]).flatten(0, 2)
    points, joints = keypoints(rotations, betas)
    centred = (points - joints[:, :1]).reshape(len(guesses), *shape, *points.shape[1:])
    return dict(zip(guesses, centred, strict=True))


def fake_poses(guesses: dict[Head, BodyGuess], every: int) -> Tensor:
    """Poses of all heads and all frames, supervised or not, pooled for the prior: (Q*B*T/every, 24, 3, 3)."""
    return torch.stack([g.rotations_BTJ33[:, ::every] for g in guesses.values()]).flatten(0, 2)


@dataclass(frozen=True)
class Shift:
    """Which frames of a Δ head have a target: the head at t is held against t + delta (docs/paper.md 8.10).

    Targets reach `margin` frames past both ends of the window of predictions; the paper's end with it.
    """

    delta: int
    margin: int = 0

    def predicted(self, x_BT: Tensor) -> Tensor:
        """The head's frames that have a target."""
        return x_BT[:, self._first : x_BT.shape[1] - max(0, self.delta - self.margin)]

    def target(self, x_BU: Tensor) -> Tensor:
        """The targets of the frames that `predicted` returns, cut from x (B, U, ...)."""
        return x_BU[:, self._first + self.margin + self.delta : x_BU.shape[1] + min(0, self.delta - self.margin)]

    @property
    def _first(self) -> int:
        return max(0, -self.delta - self.margin)


def keypoint_loss(predicted: Tensor, keypoints: Tensor) -> Tensor:
    """Mean absolute difference of coordinates (..., J, 2) over visible ones; `keypoints` is x, y, 0 or 1."""
    return masked_mean((predicted - keypoints[..., :2]).abs(), keypoints[..., 2:])


HIPS = (2, 3)
LSP_JOINTS = 14
"""The first 14 keypoints carry the 3D loss (docs/paper.md 1.2); 2 and 3 are the hips."""


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
    all_three = weight[..., 2:, :] * weight[..., 1:-1, :] * weight[..., :-2, :]
    difference = _about_hips(predicted) - _about_hips(target)
    return masked_mean(second_difference(difference).abs(), all_three[..., None])


def second_difference(x: Tensor) -> Tensor:
    """(..., T, J, C) to (..., T - 2, J, C), per frame^2."""
    return x[..., 2:, :, :] - 2 * x[..., 1:-1, :, :] + x[..., :-2, :, :]


def _about_hips(joints: Tensor) -> Tensor:
    origin = joints[..., list(HIPS), :].mean(dim=-2, keepdim=True)
    return torch.sub(joints[..., :LSP_JOINTS, :], origin)


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
    counted = torch.where(weight > 0, value, torch.zeros_like(value))
    return (counted * weight).sum() / total.clamp_min(1e-12)


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
