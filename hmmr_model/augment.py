"""Mirroring and crop jitter of whole windows, where the feature can follow.

φ of an image is computed once and kept: labels that are mirrored or moved afterwards would no longer belong to it
(docs/paper.md 8.16). Only where φ is the keypoints themselves can both move together.
B windows, T frames, J 25 keypoints of x, y, score in crop coordinates.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from body.joints import KEYPOINTS_25, mirror_permutation
from body.rotations import mirror_pose
from hmmr_model.batch import Batch
from hmmr_model.configs import DataConfig

KEYPOINTS_PHI = "keypoints"
_MIRROR_25 = mirror_permutation(KEYPOINTS_25)


def augment(batch: Batch, config: DataConfig, rng: np.random.Generator) -> Batch:
    """The batch mirrored and jittered window by window; unchanged for a φ that cannot follow."""
    if config.phi_name != KEYPOINTS_PHI:
        return batch
    windows = len(batch.tracklet_ids)
    batch = mirror(batch, torch.from_numpy(rng.random(windows) < config.flip))
    scale = np.exp(rng.uniform(-config.box_scale, config.box_scale, windows))
    shift = rng.uniform(-config.box_shift, config.box_shift, (windows, 2))
    batch = move_crop(batch, torch.from_numpy(scale).float(), torch.from_numpy(shift).float())
    return hide_joints(batch, torch.from_numpy(rng.random((*batch.phi_BTD.shape[:2], 25)) < config.joint_dropout))


def mirror(batch: Batch, flags_B: Tensor) -> Batch:
    """Left and right swapped in the flagged windows: keypoints, φ, 3D joints and body rotations."""
    labelled_L = flags_B[: batch.labelled]
    keypoints = _where(flags_B, mirror_points(batch.keypoints_BUJ3), batch.keypoints_BUJ3)
    phi = _points(batch.phi_BTD)
    return replace(
        batch,
        phi_BTD=_where(flags_B, mirror_points(phi), phi).flatten(-2),
        keypoints_BUJ3=keypoints,
        joints_LUJ3=_where(labelled_L, mirror_points(batch.joints_LUJ3), batch.joints_LUJ3),
        joints_weight_LUJ=_where(labelled_L, batch.joints_weight_LUJ[..., _MIRROR_25], batch.joints_weight_LUJ),
        rotations_LUJ33=_where(labelled_L, mirror_pose(batch.rotations_LUJ33), batch.rotations_LUJ33),
    )


def mirror_points(points: Tensor) -> Tensor:
    """(..., 25, 3) with x negated and sides swapped; the third number (score, or z) stays."""
    return points[..., _MIRROR_25, :] * torch.tensor([-1.0, 1.0, 1.0], dtype=points.dtype)


def move_crop(batch: Batch, scale_B: Tensor, shift_B2: Tensor) -> Batch:
    """Keypoints, in φ and as labels, as a crop scaled and shifted would show them."""
    phi = _points(batch.phi_BTD.float())
    seen = phi[..., 2:] > 0  # an unseen joint's coordinates are zeros and stay so
    moved = torch.where(seen, _moved(phi, scale_B, shift_B2), phi)
    return replace(batch, phi_BTD=moved.flatten(-2), keypoints_BUJ3=_moved(batch.keypoints_BUJ3, scale_B, shift_B2))


def hide_joints(batch: Batch, hidden_BTJ: Tensor) -> Batch:
    """φ with some joints as if undetected; the labels keep them."""
    phi = _points(batch.phi_BTD)
    return replace(batch, phi_BTD=torch.where(hidden_BTJ[..., None], torch.zeros_like(phi), phi).flatten(-2))


def _points(phi_BTD: Tensor) -> Tensor:
    return phi_BTD.reshape(*phi_BTD.shape[:2], 25, 3)


def _moved(points_BTJ3: Tensor, scale_B: Tensor, shift_B2: Tensor) -> Tensor:
    xy = points_BTJ3[..., :2] * scale_B[:, None, None, None] + shift_B2[:, None, None]
    return torch.cat([xy, points_BTJ3[..., 2:]], dim=-1)


def _where(flags_B: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(flags_B.view(-1, *[1] * (no.dim() - 1)), yes, no)
