"""One training batch. B windows of T frames, the first L of them with 3D labels; targets of U = T + 2 x margin frames.

J 25 keypoints, D numbers of φ. Crop coordinates [-1, 1], metres, camera axes.
"""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Labelled windows come first, so that 3D terms are slices and no mask of absent labels is carried about."""

    phi_BTD: Tensor
    keypoints_BUJ3: Tensor
    """x, y, and 1 where the joint counts as visible."""
    joints_LUJ3: Tensor
    joints_weight_LUJ: Tensor
    rotations_LUJ33: Tensor
    rotations_weight_LU: Tensor
    """1 where the frame has rotations of the network's own body."""
    betas_LUK: Tensor
    betas_weight_LU: Tensor
    tracklet_ids: tuple[str, ...]

    @property
    def labelled(self) -> int:
        """L."""
        return self.joints_LUJ3.shape[0]

    @property
    def margin(self) -> int:
        """Frames that the targets reach past each end of the window of φ; weight 0 beyond the tracklet's ends."""
        return (self.keypoints_BUJ3.shape[1] - self.phi_BTD.shape[1]) // 2

    def with_pseudo_weight(self, weight: float) -> "Batch":
        """The same batch, where a visible keypoint of a window without 3D labels counts `weight` instead of 1."""
        if weight == 1.0:
            return self
        keypoints_BUJ3 = self.keypoints_BUJ3.clone()
        keypoints_BUJ3[self.labelled :, ..., 2] *= weight
        return replace(self, keypoints_BUJ3=keypoints_BUJ3)
