"""The SMPL-format body: shape and pose in, vertices and joints out. Linear blend skinning, written by us.

The formulas are those of Loper et al., SMPL (2015), eq. 2 to 10.
Legend: B batch, V vertices, J = 24 joints, K betas, P = 207 entries of the pose feature.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from body.kinematics import KinematicTree
from body.open24 import OPEN24_FILE
from body.smpl_file import BodyArrays, read_body


class BodyModel(nn.Module):
    """Vertices and joints of a posed body, metres, in the body's own axes (y up, left at +x) or the root's."""

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor | None
    weights: Tensor
    joints_template: Tensor
    joints_shapedirs: Tensor

    def __init__(self, arrays: BodyArrays) -> None:
        super().__init__()
        self.arrays = arrays
        self.faces: np.ndarray = arrays.faces
        self.parents = arrays.parents
        self.tree = KinematicTree(arrays.parents)
        joints_shapedirs = np.einsum("jv,vck->jck", arrays.J_regressor, arrays.shapedirs)
        self._hold("v_template", arrays.v_template)
        self._hold("shapedirs", arrays.shapedirs)
        # A body without correctives stores none, so that no step pays for multiplying by zero.
        self._hold("posedirs", None if arrays.posedirs is None else arrays.posedirs.reshape(-1, 207).T)
        self._hold("weights", arrays.weights)
        self._hold("joints_template", arrays.J_regressor @ arrays.v_template)
        self._hold("joints_shapedirs", joints_shapedirs)

    def _hold(self, name: str, values: np.ndarray | None) -> None:
        tensor = None if values is None else torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)
        self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def load(cls, path: str | Path | None = None) -> "BodyModel":
        """The open body, or any SMPL-format .npz or official .pkl; errors as in `body.smpl_file.read_body`."""
        return cls(read_body(OPEN24_FILE if path is None else Path(path)))

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints (B, 24, 3) m of the unposed body of shape betas (B, K)."""
        return self.joints_template + torch.einsum("jck,bk->bjc", self.joints_shapedirs[..., : betas.shape[1]], betas)

    def joints(self, rotations: Tensor, betas: Tensor) -> Tensor:
        """Posed joints (B, 24, 3) m without computing a single vertex."""
        positions: Tensor = self.tree(rotations, self.rest_joints(betas))[1]
        return positions

    def forward(self, rotations: Tensor, betas: Tensor, translation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vertices (B, V, 3) and joints (B, 24, 3) m.

        rotations (B, 24, 3, 3) of each joint against its parent, the root's against the world; betas (B, K);
        translation (B, 3) m is added to everything.
        """
        rest_BJ3 = self.rest_joints(betas)
        R_BJ33, joints_BJ3 = self.tree(rotations, rest_BJ3)
        shaped_BV3 = self.v_template + torch.einsum("vck,bk->bvc", self.shapedirs[..., : betas.shape[1]], betas)
        if self.posedirs is not None:
            shaped_BV3 = shaped_BV3 + (pose_feature(rotations) @ self.posedirs).reshape(shaped_BV3.shape)
        shift_BJ3 = joints_BJ3 - (R_BJ33 @ rest_BJ3.unsqueeze(-1)).squeeze(-1)
        blended = self.weights @ torch.cat([R_BJ33.flatten(2), shift_BJ3], dim=-1)
        R_BV33, shift_BV3 = blended[..., :9].reshape(*blended.shape[:2], 3, 3), blended[..., 9:]
        vertices_BV3 = (R_BV33 @ shaped_BV3.unsqueeze(-1)).squeeze(-1) + shift_BV3
        if translation is not None:
            vertices_BV3, joints_BJ3 = vertices_BV3 + translation[:, None], joints_BJ3 + translation[:, None]
        return vertices_BV3, joints_BJ3


def pose_feature(rotations: Tensor) -> Tensor:
    """What SMPL's pose correctives are linear in: R - I of the 23 body joints, flattened to (B, 207)."""
    return (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)).flatten(1)
