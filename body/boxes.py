"""Boxes of people: the box around keypoints, the size of a person, the IoU of boxes, and the square crop for φ.

Letters: T frames, J joints, N, M and P boxes. A box is x0 y0 x1 y1 in px; keypoints are (T, J, 3): x, y in px, score.
"""

import numpy as np
from numpy.typing import NDArray

MIN_DIAGONAL_PX = 0.5
"""A smaller box is no box: all its joints lie in one place (docs/paper.md 3.4)."""
DIAGONAL_PX = 150.0
"""The diagonal of the visible keypoints' box becomes this many pixels of the crop (docs/paper.md 3.4)."""
CROP_PX = 224.0
MEDIAN_FRAMES = 11
GAUSSIAN_SIGMA = 3.0
GAUSSIAN_RADIUS = 12
"""scipy's default, 4 sigma."""
SUPPORT_FRAMES = MEDIAN_FRAMES // 2 + GAUSSIAN_RADIUS
"""A smoothed box depends on the keypoints of so many frames before and after it, and on no others."""
_BLOCK = 1024
"""Frames handled at once, for the memory of long tracks."""

Float = NDArray[np.float64]


def keypoint_boxes(keypoints_TJ3: NDArray[np.floating], min_score: float) -> tuple[Float, NDArray[np.bool_]]:
    """Boxes (T, 4) around the joints with score >= min_score and > 0, and (T) whether the frame has a box.

    A frame has a box if at least two such joints do not lie in one place. The box of a frame without one is undefined.
    """
    if len(keypoints_TJ3) > _BLOCK:
        parts = [
            keypoint_boxes(keypoints_TJ3[start : start + _BLOCK], min_score)
            for start in range(0, len(keypoints_TJ3), _BLOCK)
        ]
        return np.concatenate([boxes for boxes, _ in parts]), np.concatenate([exists for _, exists in parts])
    visible_TJ1 = ((keypoints_TJ3[:, :, 2] >= min_score) & (keypoints_TJ3[:, :, 2] > 0))[:, :, None]
    xy = keypoints_TJ3[:, :, :2].astype(np.float64)
    low = np.where(visible_TJ1, xy, np.inf).min(axis=1)
    high = np.where(visible_TJ1, xy, -np.inf).max(axis=1)
    has_two = visible_TJ1[:, :, 0].sum(axis=1) >= 2
    boxes = np.where(has_two[:, None], np.concatenate([low, high], axis=1), 0.0)
    return boxes, has_two & (diagonals(boxes) >= MIN_DIAGONAL_PX)


def diagonals(boxes_T4: NDArray[np.floating]) -> Float:
    """Length (T) of each box's diagonal, px."""
    return np.asarray(np.hypot(boxes_T4[:, 2] - boxes_T4[:, 0], boxes_T4[:, 3] - boxes_T4[:, 1]), dtype=np.float64)


def person_size(keypoints_TJ3: NDArray[np.floating], min_score: float, default: float = 1.0) -> float:
    """Size of a person in px: the median diagonal of the keypoint boxes; `default` where no frame has a box.

    Distances between joints are divided by it, so that near and far people are judged alike.
    """
    boxes, exists = keypoint_boxes(keypoints_TJ3, min_score)
    return float(np.median(diagonals(boxes[exists]))) if exists.any() else default


def iou_matrix(a_N4: NDArray[np.floating], b_M4: NDArray[np.floating]) -> Float:
    """Intersection over union (N, M) of each pair of boxes; 0 where both are empty. Further columns are ignored."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:4], b_M4[None, :, 2:4])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a_N4[:, 2:4] - a_N4[:, :2]).prod(axis=1)
    area_b = (b_M4[:, 2:4] - b_M4[:, :2]).prod(axis=1)
    return np.asarray(overlap / np.maximum(area_a[:, None] + area_b[None, :] - overlap, 1e-9), dtype=np.float64)


def suppress(boxes_P4: np.ndarray, scores_P: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy non-maximum suppression of boxes of one class.

    Returns the indices of the boxes to keep, best first: no two of them have an IoU above `threshold`.
    """
    order = np.argsort(-scores_P, kind="stable")
    best_first: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        best_first.append(best)
        order = order[iou_matrix(boxes_P4[best, None], boxes_P4[order])[0] <= threshold]
    return np.array(best_first, dtype=np.intp)


def smooth_boxes(keypoints_TJ3: NDArray[np.floating], min_score: float) -> NDArray[np.float32]:
    """HMMR's smooth box: squares (T, 4) with side = 224/150 of the keypoint box's diagonal (docs/paper.md 3.4).

    Centre and scale go through a median over 11 frames and a Gaussian of sigma 3. Gaps are filled linearly, the ends
    with the nearest value. The released code (src/util/smooth_bbox.py) pads the median with zeros, which pulls the
    first and last five boxes towards the corner of the picture; here the ends are repeated instead.

    Raises ValueError if no frame has a box.
    """
    boxes, exists = keypoint_boxes(keypoints_TJ3, min_score)
    if not exists.any():
        raise ValueError("no frame has two visible keypoints")
    known = boxes[exists]
    centre_scale = np.column_stack([(known[:, :2] + known[:, 2:]) / 2, DIAGONAL_PX / diagonals(known)])
    frames = np.arange(len(boxes))
    known_frames = np.flatnonzero(exists)
    smooth = np.column_stack([_smooth(np.interp(frames, known_frames, column)) for column in centre_scale.T])
    half = CROP_PX / smooth[:, 2:] / 2
    return np.concatenate([smooth[:, :2] - half, smooth[:, :2] + half], axis=1).astype(np.float32)


def _smooth(values_T: Float) -> Float:
    from scipy.ndimage import gaussian_filter1d, median_filter

    steady = median_filter(values_T, size=MEDIAN_FRAMES, mode="nearest")
    truncate = GAUSSIAN_RADIUS / GAUSSIAN_SIGMA
    return np.asarray(gaussian_filter1d(steady, GAUSSIAN_SIGMA, mode="nearest", truncate=truncate))
