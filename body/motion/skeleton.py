"""A motion on the skeleton of its BVH or ASF/AMC file, before it is retargeted to our body.

Legend: T frames, J joints of that skeleton.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SkeletonMotion:
    """names and parents (J), a parent before its children and -1 for the root; offsets (J, 3): each joint seen from
    its parent at rest, in the file's unit; rotations (T, J, 3, 3) against the parent; steps (T, J, 3): the offsets
    of every frame, which for the root are its place in the world and for most other joints never change."""

    name: str
    fps: float
    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    rotations: Array
    steps: Array

    def pose(self) -> tuple[Array, Array]:
        """World rotations (T, J, 3, 3) and positions (T, J, 3), in the file's unit."""
        R_TJ33, x_TJ3 = np.empty_like(self.rotations), np.empty_like(self.steps)
        for j, parent in enumerate(self.parents):
            if parent < 0:
                R_TJ33[:, j], x_TJ3[:, j] = self.rotations[:, j], self.steps[:, j]
                continue
            R_TJ33[:, j] = R_TJ33[:, parent] @ self.rotations[:, j]
            x_TJ3[:, j] = x_TJ3[:, parent] + np.einsum("tij,tj->ti", R_TJ33[:, parent], self.steps[:, j])
        return R_TJ33, x_TJ3

    def rest_positions(self) -> Array:
        """Positions (J, 3) at rest with the root at its offset, in the file's unit."""
        x_J3 = self.offsets.copy()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                x_J3[j] += x_J3[parent]
        return x_J3
