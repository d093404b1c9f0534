"""Square crops of frames, and the way back from crop to frame.

Coordinates are of pixel corners: the first pixel covers [0, 1), its centre is at 0.5 (storage/schema.py).
"""

import cv2
import numpy as np


def square_around(box_4: np.ndarray, scale: float) -> np.ndarray:
    """Square (x0 y0 x1 y1) with the box's centre and `scale` times its longer side (at least 1 px)."""
    centre = (box_4[:2] + box_4[2:4]) / 2
    half = max(float((box_4[2:4] - box_4[:2]).max()) * scale, 1.0) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def cut(frame_HW3: np.ndarray, square_4: np.ndarray, size: int) -> np.ndarray:
    """The square, resampled to (size, size, 3) bilinearly; what lies outside the frame is black."""
    ratio = size / max(float(square_4[2] - square_4[0]), 1e-3)
    shift = 0.5 * (ratio - 1) - ratio * square_4[:2]  # OpenCV counts from pixel centres
    matrix = np.array([[ratio, 0, shift[0]], [0, ratio, shift[1]]], np.float64)
    return cv2.warpAffine(frame_HW3, matrix, (size, size), flags=cv2.INTER_LINEAR)


def to_frame(points_K2: np.ndarray, square_4: np.ndarray, size: int) -> np.ndarray:
    """Points in px of a crop of `size` -> px of the frame that `square_4` was cut from."""
    return np.asarray(square_4[:2] + points_K2 * (float(square_4[2] - square_4[0]) / size))
