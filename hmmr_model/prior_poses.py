"""Real poses for the pose prior, from files that a user has: ours, or AMASS / CMU as AMASS writes them.

N poses; rotations (N, 24, 3, 3) in an SMPL-format body's joints.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body.rotations import axis_angle_to_matrix
from hmmr_model.data import TrainingSet

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
    found = [poses for file in files if (poses := _read_file(file)) is not None]
    if not found:
        raise NoPriorPosesError(f"{path}: no .npz with `rotations` (N, 24, 3, 3) or `poses` (N, 72 or more)")
    joined = torch.cat(found)
    return joined[:: -(-len(joined) // MAX_POSES)].contiguous()


def labelled_poses(data: TrainingSet) -> Tensor:
    """The labelled windows' own poses, where nothing better is given. NoPriorPosesError if none has."""
    labels = data.labelled.labels
    known = labels.rotations_weight_T > 0
    if not known.any():
        raise NoPriorPosesError("the labelled data has no body rotations to train the pose prior on: give prior_poses")
    return torch.from_numpy(labels.rotations_TJ33[known])


def _read_file(file: Path) -> Tensor | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            if "rotations" in stored:
                rotations = torch.from_numpy(np.asarray(stored["rotations"], np.float32))
                return rotations if rotations.shape[1:] == (24, 3, 3) else None
            if "poses" in stored:
                return _from_axis_angle(np.asarray(stored["poses"], np.float32))
    except (OSError, ValueError) as error:
        raise NoPriorPosesError(f"{file}: cannot be read as .npz: {error}") from error
    return None


def _from_axis_angle(poses: np.ndarray) -> Tensor | None:
    if poses.ndim != 2 or poses.shape[1] < 72:
        return None
    axis_angle = torch.from_numpy(poses[:, :72].reshape(-1, 24, 3).copy())
    if poses.shape[1] > 72:
        axis_angle[:, 22:] = 0  # there, 22 and 23 are not the hands but the jaw or first fingers
    return axis_angle_to_matrix(axis_angle)
