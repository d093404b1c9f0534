"""φ without pixels: the detected 2D keypoints in crop coordinates. It holds no 3D knowledge. Letters: N crops."""

from collections.abc import Mapping, Sequence

import numpy as np


class KeypointsPhi:
    """25 x (u, v, score), with u, v in [-1, 1] over the square box and 0 where the score is 0."""

    name = "keypoints"
    dim = 75

    def __init__(self) -> None:
        self.weights: Mapping[str, str] = {}

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 75) float32, and no 3D. `frames` are ignored."""
        corner_N2, side_N1 = boxes_N4[:, :2], boxes_N4[:, 2:3] - boxes_N4[:, :1]
        place_NK2 = 2 * (keypoints_N25x3[..., :2] - corner_N2[:, None]) / side_N1[:, None] - 1
        seen_NK1 = keypoints_N25x3[..., 2:] > 0
        joined = np.concatenate([np.where(seen_NK1, place_NK2, 0), keypoints_N25x3[..., 2:]], -1)
        return joined.reshape(len(boxes_N4), 75).astype(np.float32), None
