"""What the network says about one tracklet, as arrays.

T frames, J 25 keypoints. Metres, camera axes (x right, y down, z forward), pelvis at the origin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """A body at every frame, without a camera: shape is the current prediction's."""

    rotations: Floats
    """(T, 24, 3, 3), root in camera axes."""
    keypoints_3d: Floats
    """(T, 25, 3)."""


@dataclass(frozen=True)
class Prediction:
    """All heads for one tracklet. `past` and `future` are said at frame t about t - 5 and t + 5."""

    tracklet_id: str
    rotations: Floats
    """(T, 24, 3, 3), root in camera axes."""
    betas: Floats
    """(T, 10)."""
    camera: Floats
    """(T, 3) weak perspective s, tx, ty in the crop: crop = s (X_xy + t)."""
    keypoints_3d: Floats
    """(T, 25, 3)."""
    past: Pose | None = None
    future: Pose | None = None
    hallucinated: Pose | None = None
    """The same from each frame alone, by the hallucinator."""
    hallucinated_past: Pose | None = None
    hallucinated_future: Pose | None = None
