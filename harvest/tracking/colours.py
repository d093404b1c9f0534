"""The colours of a person's clothes, by which two people are told apart after one hid the other.

Letters: J joints, K parts of the body.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25

PARTS = (
    ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
)
"""A patch lies in the middle of the joints of each part: chest and thighs."""
PATCH = 0.06
"""Half the side of a patch, in parts of the larger side of the joints' box."""
_SLOTS = [[KEYPOINTS_25.index(name) for name in names] for names in PARTS]
_VISIBLE_SCORE = 0.3


def clothes(picture_HW3: NDArray[np.uint8], joints_J3: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, 3) mean colour of each part, L a b in steps of 255; NaN where a joint is not visible or out of the frame."""
    colours_K3 = np.full((len(PARTS), 3), np.nan, np.float32)
    seen = joints_J3[joints_J3[:, 2] >= _VISIBLE_SCORE, :2]
    if not len(seen):
        return colours_K3
    half = max(1, round(PATCH * float(np.ptp(seen, axis=0).max())))
    for k, slots in enumerate(_SLOTS):
        if (joints_J3[slots, 2] < _VISIBLE_SCORE).any():
            continue
        x, y = joints_J3[slots, :2].mean(axis=0).round().astype(int).tolist()
        patch = picture_HW3[max(0, y - half) : max(0, y + half), max(0, x - half) : max(0, x + half)]
        if patch.size:
            mean = patch.reshape(-1, 3).mean(axis=0).astype(np.uint8)
            colours_K3[k] = cv2.cvtColor(mean[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return colours_K3


def difference(a_K3: NDArray[np.float32], b_K3: NDArray[np.float32]) -> float:
    """Mean distance of the parts whose colours are known of both; NaN if there is none."""
    apart_K = np.linalg.norm(a_K3 - b_K3, axis=1)
    known_K = np.isfinite(apart_K)
    return float(apart_K[known_K].mean()) if known_K.any() else float("nan")


def blended(old_K3: NDArray[np.float32], new_K3: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The old colours moved towards the new ones by a share; where only one is known, that one."""
    mixed = (1 - share) * old_K3 + share * new_K3
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(old_K3), old_K3, new_K3)).astype(np.float32)
