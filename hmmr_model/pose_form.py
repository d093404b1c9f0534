"""The two ways of writing 24 rotations as numbers that a regressor can add to.

N samples, P pose numbers (72 axis-angle, 144 six-number).
"""

import torch
from torch import Tensor

from body.rotations import axis_angle_to_matrix, matrix_to_rot6d, rot6d_to_matrix
from hmmr_model.configs import PoseForm

JOINTS = 24
_NUMBERS: dict[PoseForm, int] = {"rot6d": 6, "axis_angle": 3}


def pose_numbers(form: PoseForm) -> int:
    """How many numbers 24 joints take."""
    return JOINTS * _NUMBERS[form]


def pose_to_matrices(pose_NP: Tensor, form: PoseForm) -> Tensor:
    """(..., P) to rotation matrices (..., 24, 3, 3), always in float32."""
    joints = pose_NP.float().reshape(*pose_NP.shape[:-1], JOINTS, _NUMBERS[form])
    return rot6d_to_matrix(joints) if form == "rot6d" else axis_angle_to_matrix(joints)


def mean_pose(form: PoseForm) -> Tensor:
    """Where the regressor starts: the rest pose with the root turned by pi about x, as image y points down."""
    axis_angle_J3 = torch.zeros(JOINTS, 3)
    axis_angle_J3[0, 0] = torch.pi
    if form == "axis_angle":
        return axis_angle_J3.flatten()
    return matrix_to_rot6d(axis_angle_to_matrix(axis_angle_J3)).flatten()
