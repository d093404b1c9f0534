"""True people of a film and the tracks that were labelled in it, as arrays.

Letters: P people, F frames of a film, T frames of a track, J 25 joints of body.joints.KEYPOINTS_25. Pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_VISIBLE = 5
"""A person with fewer visible joints needs no label. A label of such a person is no error."""


LEAST_DIAGONAL_PX = 1.0
"""Errors are divided by the diagonal of the person's box, but by no less than this."""


@dataclass(frozen=True)
class Truth:
    """Joints (P, F, J, 3): x, y px, visible; who is in the scene (P, F); the shot of each frame (F)."""

    joints_PFJ3: NDArray[np.float64]
    present_PF: NDArray[np.bool_]
    shots_F: NDArray[np.int64]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Person-frames (P, F) that should have a label: at least MIN_VISIBLE joints are visible."""
        return np.asarray(self.present_PF & ((self.joints_PFJ3[..., 2] > 0).sum(axis=-1) >= MIN_VISIBLE))


@dataclass(frozen=True)
class Track:
    """One labelled person: frames of the film (T), joints (T, J, 3) with scores, and whether each was observed (T)."""

    shot: int
    person: int
    frames_T: NDArray[np.int64]
    joints_TJ3: NDArray[np.float32]
    observed_T: NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """All tracks of a film, and the frames at which shots were found to start, the first frame included."""

    tracks: Sequence[Track]
    starts: Sequence[int]


def joint_boxes(joints_NJ3: NDArray[np.floating]) -> NDArray[np.float64]:
    """Boxes (N, 4), x0 y0 x1 y1, around all joints that are not at (0, 0), visible or not."""
    placed_NJ1 = (joints_NJ3[..., :2] != 0).any(axis=-1, keepdims=True)
    low = np.where(placed_NJ1, joints_NJ3[..., :2], np.inf).min(axis=1)
    high = np.where(placed_NJ1, joints_NJ3[..., :2], -np.inf).max(axis=1)
    return np.where(placed_NJ1.any(axis=1), np.concatenate([low, high], axis=1), 0.0)
