"""Exact keypoints without vertices: training needs 25 points, not 13,718.

A keypoint is a fixed sum of skinned vertices. Swapping the sum over vertices with the sum over joints gives

    k = sum_j  G_j (P_kj - w_kj J_j) + w_kj t_j,   w = R W,   P_kj = sum_v R_kv W_vj v_v(beta, pose),

with G_j, t_j the world rotation and position of joint j, J_j its rest position, R the keypoint regressor and W the
skinning weights. P is affine in beta and in the pose feature, so it is computed once (docs/scaling_pilot.md
section 2). Only pairs (keypoint, joint) with a weight take part: a few dozen of 600.
Legend: B batch, V vertices, J = 24 joints, K betas, M = 25 keypoints, N pairs, P = 207 entries of the pose feature.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from body.kinematics import KinematicTree
from body.model import pose_feature
from body.open24 import OPEN24_FILE
from body.smpl_file import BodyArrays, BodyFileError, read_body


class KeypointModel(nn.Module):
    """The universal 25 keypoints and the 24 joints, metres, in the root's axes, not root-aligned."""

    pair_joint: Tensor
    sum_pairs: Tensor
    base: Tensor
    by_shape: Tensor
    by_pose: Tensor | None
    joint_share: Tensor
    joints_template: Tensor
    joints_shapedirs: Tensor

    def __init__(self, arrays: BodyArrays, regressor: npt.NDArray[np.float64] | None = None) -> None:
        """regressor (M, V): keypoints from vertices; by default the one in the body file (BodyFileError if none)."""
        super().__init__()
        regressor_MV = arrays.keypoint_regressor if regressor is None else regressor
        if regressor_MV is None:
            raise BodyFileError(f"{arrays.path}: has no keypoint_regressor (25, V); pass one as `regressor`")
        self.arrays = arrays
        self.tree = KinematicTree(arrays.parents)
        joints_template = arrays.J_regressor @ arrays.v_template
        joints_shapedirs = np.einsum("jv,vck->jck", arrays.J_regressor, arrays.shapedirs)
        share_MJ = regressor_MV @ arrays.weights
        m_N, j_N = np.nonzero((np.abs(regressor_MV) @ np.abs(arrays.weights)) > 0)
        lever_NV = regressor_MV[m_N] * arrays.weights.T[j_N]
        share_N1 = share_MJ[m_N, j_N][:, None]
        self._hold("base", lever_NV @ arrays.v_template - share_N1 * joints_template[j_N])
        moved_N3K = np.tensordot(lever_NV, arrays.shapedirs, 1) - share_N1[..., None] * joints_shapedirs[j_N]
        self._hold("by_shape", moved_N3K)
        self._hold("by_pose", None if arrays.posedirs is None else np.tensordot(lever_NV, arrays.posedirs, 1))
        self._hold("joint_share", share_MJ)
        self._hold("joints_template", joints_template)
        self._hold("joints_shapedirs", joints_shapedirs)
        self._hold("sum_pairs", np.equal.outer(np.arange(len(regressor_MV)), m_N))
        self.register_buffer("pair_joint", torch.as_tensor(j_N, dtype=torch.long), persistent=False)

    def _hold(self, name: str, values: np.ndarray | None) -> None:
        tensor = None if values is None else torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)
        self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def load(cls, path: str | Path | None = None) -> "KeypointModel":
        """Load the model of the open body, or of any SMPL-format file that holds its own keypoint regressor."""
        return cls(read_body(OPEN24_FILE if path is None else Path(path)))

    def forward(self, rotations: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints (B, 25, 3) and joints (B, 24, 3) m of rotations (B, 24, 3, 3) and betas (B, K)."""
        rest_BJ3 = self.joints_template + _affine(self.joints_shapedirs, betas)
        R_BJ33, joints_BJ3 = self.tree(rotations, rest_BJ3)
        lever_BN3 = self.base + _affine(self.by_shape, betas)
        if self.by_pose is not None:
            lever_BN3 = lever_BN3 + _affine(self.by_pose, pose_feature(rotations))
        turned_BN3 = (R_BJ33[:, self.pair_joint] @ lever_BN3.unsqueeze(-1)).squeeze(-1)
        return self.sum_pairs @ turned_BN3 + self.joint_share @ joints_BJ3, joints_BJ3


def _affine(directions: Tensor, amounts: Tensor) -> Tensor:
    """(B, N, 3) = directions (N, 3, K) applied to amounts (B, k <= K), as one matrix product."""
    used = directions[..., : amounts.shape[1]]
    moved: Tensor = amounts @ used.flatten(0, 1).T
    return moved.reshape(len(amounts), *used.shape[:2])
