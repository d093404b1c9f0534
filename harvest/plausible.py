"""How believable a stretch of a track is: two numbers, each 0 for a good one; filters.py has the thresholds.

Letters: T frames, J 25 joints, L limb bones. Keypoints (T, 25, 3): x, y px, score.
"""

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25, LIMBS_12, indices

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_BONES = [
    (KEYPOINTS_25.index(f"{side}_{a}"), KEYPOINTS_25.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]
FAST = 0.25
"""Diagonals of the person a frame at 25 fps, some 10 m/s: a sprinter's foot."""
LONG = 1.6
"""A bone's picture can be shorter than the bone by any amount and longer by none: so much over its 90th percentile,
which leaves room for a person who comes nearer, is a joint in the wrong place."""
BORDER = 0.05
"""Of the person's diagonal: a joint so near the picture's border, or beyond it, is where the border cut the person,
since the network draws a cut leg into the picture as often as out of it."""

Keypoints = NDArray[np.float32]


def cut_off(keypoints_TJ3: Keypoints, picture: tuple[int, int] | None, joints: int) -> float:
    """Share of the frames that show the person in which at least `joints` limb joints lie at the border of a picture of
    (width, height) px, or beyond it; 0 for an unknown picture. Their scores do not matter: the network doubts what it
    cannot see."""
    known_T = (keypoints_TJ3[..., 2] > 0).any(axis=1)
    boxes, there = keypoint_boxes(keypoints_TJ3, 0.0)
    if picture is None or not there.any():
        return 0.0
    x, y, score = np.moveaxis(keypoints_TJ3[:, _LIMBS], -1, 0)
    inside = np.minimum.reduce([x, picture[0] - x, y, picture[1] - y])
    at_border = (score > 0) & (inside < BORDER * np.median(diagonals(boxes[there])))
    return float((at_border.sum(axis=1) >= joints)[known_T].mean())


def too_fast(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_], rate: float) -> float:
    """Share of steps of visible limb joints that are faster than FAST."""
    both = visible_TJ[1:, _LIMBS] & visible_TJ[:-1, _LIMBS]
    if not both.any():
        return 0.0
    step = np.hypot(*np.moveaxis(np.diff(keypoints_TJ3[:, _LIMBS, :2], axis=0), -1, 0))
    return float((step[both] > FAST * _size(keypoints_TJ3, visible_TJ) * 25 / rate).mean())


def too_long(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_]) -> float:
    """Share of visible limb bones that are LONG times their usual length."""
    a, b = (np.array(ends) for ends in zip(*_BONES, strict=True))
    seen_TL = visible_TJ[:, a] & visible_TJ[:, b]
    if not seen_TL.any():
        return 0.0
    length_TL = np.hypot(*np.moveaxis(keypoints_TJ3[:, a, :2] - keypoints_TJ3[:, b, :2], -1, 0))
    length_TL = np.where(seen_TL, length_TL, np.nan)
    usual_L = np.array([np.nanpercentile(bone, 90) if (bone == bone).any() else np.inf for bone in length_TL.T])
    return float((length_TL > LONG * usual_L).sum() / seen_TL.sum())


def _size(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_]) -> float:
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    return float(np.median(diagonals(boxes[there]))) if there.any() else 1.0
