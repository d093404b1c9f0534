"""Maps BlazePose's 33 landmarks to the universal 25 keypoints, by name. Letters: N people."""

import numpy as np

from body.joints import BLAZEPOSE_33, KEYPOINTS_25
from harvest.backends.blazepose import Reading

_SAME_POINT = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
_NAMES = {name: _SAME_POINT.get(name, name) for name in KEYPOINTS_25}
JOINTS: tuple[str, ...] = tuple(name for name in KEYPOINTS_25 if _NAMES[name] in BLAZEPOSE_33)
"""The keypoints of the 25 that BlazePose has: all but neck, head_top and the small toes."""

SLOTS = [KEYPOINTS_25.index(name) for name in JOINTS]
"""Their places among the 25."""

LANDMARKS = [BLAZEPOSE_33.index(_NAMES[name]) for name in JOINTS]
"""Their places among the 33."""


def keypoints_25(reading: Reading) -> np.ndarray:
    """(N, 25, 3): x, y px of the frame and score = visibility x presence of a person; 0 for joints it lacks."""
    out = np.zeros((len(reading.presence_N), 25, 3), np.float32)
    out[:, SLOTS, :2] = reading.landmarks_N33x2[:, LANDMARKS]
    out[:, SLOTS, 2] = reading.visibility_N33[:, LANDMARKS] * reading.presence_N[:, None]
    return out


def world_25(reading: Reading) -> np.ndarray:
    """(N, 25, 3) metres, hip-centred, camera axes; NaN for joints it lacks."""
    out = np.full((len(reading.presence_N), 25, 3), np.nan, np.float32)
    out[:, SLOTS] = reading.world_N33x3[:, LANDMARKS]
    return out
