"""One training batch. B windows of T frames, the first L of them with 3D labels.

J 25 keypoints, D numbers of φ. Crop coordinates [-1, 1], metres, camera axes.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Labelled windows come first, so that 3D terms are slices and no mask of absent labels is carried about."""

    phi_BTD: Tensor
    keypoints_BTJ3: Tensor
    """x, y, and 1 where the joint counts as visible."""
    joints_LTJ3: Tensor
    joints_weight_LTJ: Tensor
    rotations_LTJ33: Tensor
    rotations_weight_LT: Tensor
    """1 where the frame has rotations of the network's own body."""
    betas_LTK: Tensor
    betas_weight_LT: Tensor
    tracklet_ids: tuple[str, ...]

    @property
    def labelled(self) -> int:
        """L."""
        return self.joints_LTJ3.shape[0]
