"""A person's box from their joints: about what a detector would draw. Letters: K joints."""

import numpy as np

MARGIN_LOW = np.array([0.05, 0.085])
MARGIN_HIGH = np.array([0.05, 0.025])
"""Margins left and top, right and bottom, in parts of the longer side of the joints' box."""


def box_from_keypoints(keypoints_K3: np.ndarray, *, min_score: float = 0.3, min_joints: int = 6) -> np.ndarray | None:
    """(5,) float32: x0 y0 x1 y1 px and the mean score of the joints that show; None if fewer than `min_joints` do.

    Joints end below the skull's top and inside the flesh: the margins are medians against the embedded detector's
    boxes on pose_squats.mp4 and 110 people of vtest.avi.
    """
    seen = keypoints_K3[keypoints_K3[:, 2] >= min_score]
    if len(seen) < min_joints:
        return None
    low, high = seen[:, :2].min(0), seen[:, :2].max(0)
    side = float((high - low).max())
    low, high = low - side * MARGIN_LOW, high + side * MARGIN_HIGH
    return np.array([*low, *high, seen[:, 2].mean()], np.float32)
