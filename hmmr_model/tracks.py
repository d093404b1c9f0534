"""What training and prediction know of one tracklet, as arrays in crop coordinates. No lake here.

T frames, D numbers of φ, J 25 keypoints, K betas. Crop coordinates [-1, 1] (x right, y down), metres, camera axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrackLabels:
    """The 3D labels of a tracklet; every weight is 1 where a label exists and 0 where not, with zeros for values."""

    keypoints_TJ3: Floats
    """True projection: x, y, visible."""
    joints_TJ3: Floats
    joints_weight_TJ: Floats
    rotations_TJ33: Floats
    rotations_weight_T: Floats
    betas_TK: Floats
    betas_weight_T: Floats


@dataclass(frozen=True)
class Track:
    """One person in one shot."""

    tracklet_id: str
    phi_TD: NDArray[np.float16]
    keypoints_TJ3: Floats
    """Detected: x, y, score."""
    labels: TrackLabels | None = None

    def __len__(self) -> int:
        return len(self.phi_TD)
