"""The factorised pose prior: one critic a joint and one for the whole pose (docs/paper.md 2.1), and its real poses.

N poses of 24 rotations (N, 24, 3, 3) in an SMPL-format body's joints. The critics see the 23 body joints, never the
root. Real poses come from files that a user has: ours, or AMASS / CMU as AMASS writes them.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from body.npz_file import read_npz
from body.rotations import axis_angle_to_matrix
from hmmr_model.data import TrainingSet
from hmmr_model.network import xavier

BODY_JOINTS = 23
SHARED = 32
"""Channels of the shared per-joint layers (9 -> 32 -> 32)."""


class PosePrior(nn.Module):
    """24 scores a pose, without a sigmoid: near 1 for real, near 0 for fake. No shape critic (docs/paper.md 8.13)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            xavier(nn.Linear(9, SHARED)), nn.ReLU(),
            xavier(nn.Linear(SHARED, SHARED)), nn.ReLU(),
        )  # fmt: skip
        self.joint_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(BODY_JOINTS, SHARED)))
        self.joint_bias = nn.Parameter(torch.zeros(BODY_JOINTS))
        self.whole = nn.Sequential(
            xavier(nn.Linear(BODY_JOINTS * SHARED, hidden)), nn.ReLU(),
            xavier(nn.Linear(hidden, hidden)), nn.ReLU(),
            xavier(nn.Linear(hidden, 1)),
        )  # fmt: skip

    def forward(self, rotations: Tensor) -> Tensor:
        """(N, 24, 3, 3) to scores (N, 24): 23 joints, then the pose."""
        h_NJC = self.shared(rotations[:, 1:].flatten(2))
        joints_NJ = (h_NJC * self.joint_weight).sum(dim=-1) + self.joint_bias
        return torch.cat([joints_NJ, self.whole(h_NJC.flatten(1))], dim=1)


def generator_loss(scores: Tensor) -> Tensor:
    """The body network's loss: LSGAN, summed over the 24 scores before the mean over poses."""
    return (scores - 1.0).square().sum(dim=1).mean()


def discriminator_loss(fake: Tensor, real: Tensor) -> Tensor:
    """The prior's loss: fake poses to 0, equally many real ones to 1."""
    return fake.square().sum(dim=1).mean() + (real - 1.0).square().sum(dim=1).mean()


MAX_POSES = 200_000
"""Enough for a prior of this size, 170 MB; more files are thinned out evenly."""


class NoPriorPosesError(ValueError):
    """A file or folder without poses in a form that is understood; the message names it and the forms."""


def read_prior_poses(path: str | Path) -> Tensor:
    """Poses (N, 24, 3, 3) of one .npz or of all below a folder, in the order of their names.

    Understood: `rotations` (N, 24, 3, 3), or `poses` (N, 72 or more) axis-angle: SMPL's own, or SMPL-H and SMPL-X as
    in AMASS, of which the 22 body joints are taken and the hands left at rest.
    """
    path = Path(path)
    files = sorted(path.rglob("*.npz")) if path.is_dir() else [path]
    pose_sets = [poses for file in files if (poses := _read_file(file)) is not None]
    if not pose_sets:
        raise NoPriorPosesError(f"{path}: no .npz with `rotations` (N, 24, 3, 3) or `poses` (N, 72 or more)")
    joined = torch.cat(pose_sets)
    return joined[:: -(-len(joined) // MAX_POSES)].contiguous()


def labelled_poses(data: TrainingSet) -> Tensor:
    """The labelled windows' own poses, where nothing better is given. NoPriorPosesError if none has."""
    labels = data.labelled.labels
    has_rotations = labels.rotations_weight_T > 0
    if not has_rotations.any():
        raise NoPriorPosesError("the labelled data has no body rotations to train the pose prior on: give prior_poses")
    return torch.from_numpy(labels.rotations_TJ33[has_rotations])


def _read_file(file: Path) -> Tensor | None:
    try:
        stored = read_npz(file, ("rotations", "poses"))
        if "rotations" in stored:
            rotations = torch.from_numpy(np.asarray(stored["rotations"], np.float32))
            return rotations if rotations.shape[1:] == (24, 3, 3) else None
        if "poses" in stored:
            return _from_axis_angle(np.asarray(stored["poses"], np.float32))
    except (OSError, ValueError, TypeError) as error:
        raise NoPriorPosesError(f"{file}: cannot be read as .npz: {error}") from error
    return None


def _from_axis_angle(poses: np.ndarray) -> Tensor | None:
    if poses.ndim != 2 or poses.shape[1] < 72:
        return None
    axis_angle = torch.from_numpy(poses[:, :72].reshape(-1, 24, 3).copy())
    if poses.shape[1] > 72:
        axis_angle[:, 22:] = 0  # there, 22 and 23 are not the hands but the jaw or first fingers
    return axis_angle_to_matrix(axis_angle)
