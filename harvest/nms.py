"""Greedy non-maximum suppression of boxes of one class."""

import numpy as np


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
