"""The square box that φ is cut from: HMMR's smooth box (released code, src/util/smooth_bbox.py; docs/paper.md 3.4).

Letters: T frames. Keypoints are (T, 25, 3): x, y in px, score.

Greedy non-maximum suppression of boxes of one class.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

DIAGONAL_PX = 150.0
"""The diagonal of the visible keypoints' box becomes this many pixels of the crop."""
CROP_PX = 224.0
MEDIAN_FRAMES = 11
GAUSSIAN_SIGMA = 3.0
GAUSSIAN_RADIUS = 12
"""scipy's default, 4 sigma."""
SUPPORT_FRAMES = MEDIAN_FRAMES // 2 + GAUSSIAN_RADIUS
"""A box depends on the keypoints of so many frames before and after it, and on no others."""
MIN_DIAGONAL_PX = 0.5
_BLOCK = 1024

Float = NDArray[np.float64]


def keypoint_boxes(keypoints_TJ3: NDArray[np.floating], min_score: float) -> tuple[Float, NDArray[np.bool_]]:
    """(T, 4) x0 y0 x1 y1 of the joints with score >= min_score (and > 0), and (T) whether there is such a box:
    at least two joints, not all in one place. In blocks, for the memory of long tracks."""
    if len(keypoints_TJ3) > _BLOCK:
        parts = [
            keypoint_boxes(keypoints_TJ3[start : start + _BLOCK], min_score)
            for start in range(0, len(keypoints_TJ3), _BLOCK)
        ]
        return np.concatenate([boxes for boxes, _ in parts]), np.concatenate([there for _, there in parts])
    seen_TJ1 = ((keypoints_TJ3[:, :, 2] >= min_score) & (keypoints_TJ3[:, :, 2] > 0))[:, :, None]
    xy = keypoints_TJ3[:, :, :2].astype(np.float64)
    low = np.where(seen_TJ1, xy, np.inf).min(axis=1)
    high = np.where(seen_TJ1, xy, -np.inf).max(axis=1)
    there = seen_TJ1[:, :, 0].sum(axis=1) >= 2
    boxes = np.where(there[:, None], np.concatenate([low, high], axis=1), 0.0)
    return boxes, there & (diagonals(boxes) >= MIN_DIAGONAL_PX)


def diagonals(boxes_T4: NDArray[np.floating]) -> Float:
    """(T) length of each box's diagonal, px."""
    return np.asarray(np.hypot(boxes_T4[:, 2] - boxes_T4[:, 0], boxes_T4[:, 3] - boxes_T4[:, 1]), dtype=np.float64)


def smooth_boxes(keypoints_TJ3: NDArray[np.floating], min_score: float) -> NDArray[np.float32]:
    """(T, 4) squares, x0 y0 x1 y1 px: side = 224/150 of the diagonal, median 11 and Gaussian 3 over centre and scale.

    Gaps are filled linearly, ends with the nearest value. HMMR's median pads with zeros, which pulls the first and
    last five boxes towards the corner of the picture: here the ends are repeated instead.
    ValueError if no frame has a box.
    """
    boxes, there = keypoint_boxes(keypoints_TJ3, min_score)
    if not there.any():
        raise ValueError("no frame has two visible keypoints")
    known = boxes[there]
    centre_scale = np.column_stack([(known[:, :2] + known[:, 2:]) / 2, DIAGONAL_PX / diagonals(known)])
    at = np.arange(len(boxes))
    seen = np.flatnonzero(there)
    smooth = np.column_stack([_smooth(np.interp(at, seen, column)) for column in centre_scale.T])
    half = CROP_PX / smooth[:, 2:] / 2
    return np.concatenate([smooth[:, :2] - half, smooth[:, :2] + half], axis=1).astype(np.float32)


def _smooth(values_T: Float) -> Float:
    steady = median_filter(values_T, size=MEDIAN_FRAMES, mode="nearest")
    width = GAUSSIAN_RADIUS / GAUSSIAN_SIGMA
    return np.asarray(gaussian_filter1d(steady, GAUSSIAN_SIGMA, mode="nearest", truncate=width))


def iou_matrix(a_N4: NDArray[np.floating], b_M4: NDArray[np.floating]) -> Float:
    """(N, M) intersection over union of boxes x0 y0 x1 y1."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:4], b_M4[None, :, 2:4])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a_N4[:, 2:4] - a_N4[:, :2]).prod(axis=1)
    area_b = (b_M4[:, 2:4] - b_M4[:, :2]).prod(axis=1)
    return np.asarray(overlap / np.maximum(area_a[:, None] + area_b[None, :] - overlap, 1e-9), dtype=np.float64)


def iou(box_4: np.ndarray, boxes_P4: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (x0 y0 x1 y1) with each of P; 0 where both are empty."""
    low = np.maximum(box_4[:2], boxes_P4[:, :2])
    high = np.minimum(box_4[2:4], boxes_P4[:, 2:4])
    shared = np.clip(high - low, 0, None).prod(-1)
    area = np.prod(box_4[2:4] - box_4[:2])
    areas = (boxes_P4[:, 2:4] - boxes_P4[:, :2]).prod(-1)
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-9))


def suppress(boxes_P4: np.ndarray, scores_P: np.ndarray, threshold: float) -> np.ndarray:
    """Indices of the boxes to keep, best first: each next one overlaps no kept one by more than `threshold`."""
    order = np.argsort(-scores_P, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[iou(boxes_P4[best], boxes_P4[order]) <= threshold]
    return np.array(kept, dtype=np.intp)
