"""Joints of the protocols that regress them from a mesh: the same regressor on the prediction and on the truth.

Legend: T frames, V vertices, 24 body joints; metres, camera axes, about the body's own origin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from body.joints import SMPL_24
from body.model import BodyModel
from evaluation.errors import BadDatasetError, ProtocolMismatchError
from evaluation.joint_sets import H36M_REGRESSOR_17, MPI3D_17
from evaluation.readers.files import read_npy
from evaluation.sequence import Joints

_MPI_FROM_H36M = {"head": "jaw"}
"""SPIN's H36M_TO_J17: its row 9, called jaw here, is MPI-INF-3DHP's head."""
_FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class MeshJoints:
    """A body and, for the sets that need one, the 17-row regressor (J_regressor_h36m.npy)."""

    body: BodyModel
    regressor: NDArray[np.float32] | None = None
    """(17, V)"""

    def __call__(self, joint_set: str, rotations: NDArray[np.float32], betas: NDArray[np.float32]) -> Joints:
        """The set's joints of a motion: rotations (T, 24, 3, 3), betas (10,) or (T, 10)."""
        shape = np.broadcast_to(np.asarray(betas, np.float32), (len(rotations), betas.shape[-1]))
        if joint_set == "smpl_24":
            with torch.no_grad():
                joints = self.body.joints(torch.as_tensor(rotations.copy()), torch.as_tensor(shape.copy()))
            return Joints(SMPL_24, joints.double().numpy())
        points = np.concatenate(list(self._regressed(rotations, shape)))
        if joint_set == "h36m_regressor":
            return Joints(H36M_REGRESSOR_17, points)
        rows = [H36M_REGRESSOR_17.index(_MPI_FROM_H36M.get(name, name)) for name in MPI3D_17]
        return Joints(MPI3D_17, points[:, rows])

    def _regressed(self, rotations: NDArray[np.float32], betas: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
        if self.regressor is None:
            raise ProtocolMismatchError("this protocol regresses its joints from the mesh: give --regressor FILE")
        for start in range(0, len(rotations), _FRAMES_AT_ONCE):
            stop = start + _FRAMES_AT_ONCE
            with torch.no_grad():
                vertices, _ = self.body(
                    torch.as_tensor(rotations[start:stop].copy()), torch.as_tensor(betas[start:stop].copy())
                )
            yield np.einsum("jv,tvc->tjc", self.regressor, vertices.numpy()).astype(np.float64)


def read_regressor(path: Path, vertices: int) -> NDArray[np.float32]:
    """A (17, V) .npy as SPIN ships it. BadDatasetError where it is not one for a mesh of `vertices`."""
    rows = read_npy(path)
    if rows.shape != (len(H36M_REGRESSOR_17), vertices):
        raise BadDatasetError(path, f"is {rows.shape}; J_regressor_h36m for this body is (17, {vertices})")
    return np.asarray(rows, np.float32)
