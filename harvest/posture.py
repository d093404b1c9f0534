"""How much a person's posture changes, whatever the camera does: in a photograph that a film pans over, zooms into
or turns everything moves and nobody does.

Letters: T frames of a run, J 12 limb joints. Points of the picture are complex numbers, so that one factor turns and
scales them.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25, LIMBS_12, indices

ENOUGH_JOINTS = 6
"""A frame that shows fewer limb joints cannot be laid over another."""
_ROUNDS = 3
_BLOCK = 1024
"""Frames at a time, for the memory of long tracks."""
_LIMBS = indices(LIMBS_12, KEYPOINTS_25)

Complex = NDArray[np.complex128]
Float = NDArray[np.float64]


def posture_change(keypoints_TJ3: NDArray[np.float32], visible_TJ: NDArray[np.bool_]) -> float:
    """The median over limb joints of the deviation of their place, after every frame was shifted, scaled and turned to
    lie best over their mean (generalised Procrustes analysis, Gower 1975), over the median diagonal of the visible
    joints. Frames that share no posture fit best as a point: what the mean has shrunk is made good. inf if that cannot
    be said."""
    seen_TJ = visible_TJ[:, _LIMBS]
    usable_T = seen_TJ.sum(axis=1) >= ENOUGH_JOINTS
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    if usable_T.sum() < 2 or not there.any():
        return float("inf")
    frames = np.flatnonzero(usable_T)
    blocks = [frames[start : start + _BLOCK] for start in range(0, len(frames), _BLOCK)]

    def laid(goal_J: Complex) -> Iterator[tuple[Complex, Float]]:
        for rows in blocks:
            weight_TJ = seen_TJ[rows].astype(np.float64)
            yield _laid_over(goal_J, _points(keypoints_TJ3[rows]), weight_TJ), weight_TJ

    counts_J = seen_TJ[frames].sum(axis=0)
    fullest = frames[seen_TJ[frames].sum(axis=1).argmax()]
    goal_J = mean_J = _points(keypoints_TJ3[fullest])
    for _ in range(_ROUNDS):
        goal_J = mean_J
        sums = [(laid_TJ * weight_TJ).sum(axis=0) for laid_TJ, weight_TJ in laid(goal_J)]
        mean_J = np.sum(sums, axis=0) / np.maximum(counts_J, 1)
    off_J = np.sum(
        [(np.abs(each_TJ - mean_J) ** 2 * weight_TJ).sum(axis=0) for each_TJ, weight_TJ in laid(goal_J)], axis=0
    )
    often_J = counts_J >= 2
    deviation_J = np.sqrt(off_J[often_J] / counts_J[often_J])
    shrunk = np.std(mean_J[often_J]) / np.std(_points(keypoints_TJ3[fullest])[often_J])
    return float(np.median(deviation_J) / np.median(diagonals(boxes[there])) / max(shrunk, 1e-6))


def _points(keypoints: NDArray[np.float32]) -> Complex:
    xy = keypoints[..., _LIMBS, :2].astype(np.float64)
    return np.asarray(xy[..., 0] + 1j * xy[..., 1])


def _laid_over(goal_J: Complex, points_TJ: Complex, weight_TJ: Float) -> Complex:
    """Each frame, moved by the similarity that brings it nearest to one posture."""
    count_T1 = weight_TJ.sum(axis=1, keepdims=True)
    centre_T1 = (points_TJ * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    goal_T1 = (goal_J * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    own_TJ = points_TJ - centre_T1
    fit_T1 = (own_TJ.conj() * (goal_J - goal_T1) * weight_TJ).sum(axis=1, keepdims=True)
    spread_T1 = (np.abs(own_TJ) ** 2 * weight_TJ).sum(axis=1, keepdims=True)
    return np.asarray(own_TJ * fit_T1 / np.maximum(spread_T1, 1e-9) + goal_T1)
