"""How much a person's posture changes, whatever the camera does: in a photograph that a film pans over, zooms into
or turns everything moves and nobody does.

Letters: T frames of a run, J 12 limb joints. Points of the picture are complex numbers, so that one factor turns and
scales them.
"""

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.boxes import diagonals, keypoint_boxes

ENOUGH_JOINTS = 6
"""A frame that shows fewer limb joints cannot be laid over another."""
_ROUNDS = 3
_LIMBS = indices(LIMBS_12, KEYPOINTS_25)

Complex = NDArray[np.complex128]
Float = NDArray[np.float64]


def posture_change(keypoints_TJ3: NDArray[np.float32], visible_TJ: NDArray[np.bool_]) -> float:
    """The median over limb joints of the deviation of their place, after every frame was shifted, scaled and turned to
    lie best over their mean (generalised Procrustes analysis, Gower 1975), over the median diagonal of the visible
    joints. inf if that cannot be said."""
    seen_TJ = visible_TJ[:, _LIMBS]
    usable_T = seen_TJ.sum(axis=1) >= ENOUGH_JOINTS
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    if usable_T.sum() < 2 or not there.any():
        return float("inf")
    weight_TJ = seen_TJ[usable_T].astype(np.float64)
    xy = keypoints_TJ3[usable_T][:, _LIMBS].astype(np.float64)
    laid_TJ = _laid_over_mean(xy[..., 0] + 1j * xy[..., 1], weight_TJ)
    counts_J = weight_TJ.sum(axis=0)
    often_J = counts_J >= 2
    off_TJ = np.abs(laid_TJ - _mean(laid_TJ, weight_TJ)) ** 2 * weight_TJ
    deviation_J = np.sqrt(off_TJ.sum(axis=0)[often_J] / counts_J[often_J])
    return float(np.median(deviation_J) / np.median(diagonals(boxes[there])))


def _laid_over_mean(points_TJ: Complex, weight_TJ: Float) -> Complex:
    """Each frame, moved by the similarity that brings it nearest to the mean of all."""
    mean_J = points_TJ[int(weight_TJ.sum(axis=1).argmax())]
    laid_TJ = points_TJ
    for _ in range(_ROUNDS):
        count_T1 = weight_TJ.sum(axis=1, keepdims=True)
        centre_T1 = (points_TJ * weight_TJ).sum(axis=1, keepdims=True) / count_T1
        goal_T1 = (mean_J * weight_TJ).sum(axis=1, keepdims=True) / count_T1
        own_TJ = points_TJ - centre_T1
        fit_T1 = (own_TJ.conj() * (mean_J - goal_T1) * weight_TJ).sum(axis=1, keepdims=True)
        spread_T1 = (np.abs(own_TJ) ** 2 * weight_TJ).sum(axis=1, keepdims=True)
        laid_TJ = own_TJ * fit_T1 / np.maximum(spread_T1, 1e-9) + goal_T1
        mean_J = _mean(laid_TJ, weight_TJ)
    return np.asarray(laid_TJ)


def _mean(points_TJ: Complex, weight_TJ: Float) -> Complex:
    return np.asarray((points_TJ * weight_TJ).sum(axis=0) / np.maximum(weight_TJ.sum(axis=0), 1))
