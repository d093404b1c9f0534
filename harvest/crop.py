"""Cuts square crops from frames and maps points back from crop to frame.

Coordinates are of pixel corners: the first pixel covers [0, 1), its centre is at 0.5 (storage/schema.py).
"""

import cv2
import numpy as np


def square_around(box_4: np.ndarray, scale: float) -> np.ndarray:
    """Square (x0 y0 x1 y1) with the box's centre and `scale` times its longer side (at least 1 px)."""
    centre = (box_4[:2] + box_4[2:4]) / 2
    half = max(float((box_4[2:4] - box_4[:2]).max()) * scale, 1.0) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def cut(frame_HW3: np.ndarray, square_4: np.ndarray, size: int, angle: float = 0.0) -> np.ndarray:
    """The square, turned by `angle` (radians, about its centre), resampled to (size, size, 3) bilinearly.

    What lies outside the frame is black.
    """
    into_22, centre_2 = _turn(square_4, size, angle)
    shift_2 = size / 2 - 0.5 + into_22 @ (0.5 - centre_2)  # OpenCV counts from pixel centres
    matrix = np.concatenate([into_22, shift_2[:, None]], 1)
    return np.asarray(cv2.warpAffine(frame_HW3, matrix, (size, size), flags=cv2.INTER_LINEAR))


def to_frame(points_K2: np.ndarray, square_4: np.ndarray, size: int, angle: float = 0.0) -> np.ndarray:
    """Maps points in px of a crop of `size` to px of the frame that `cut` took it from."""
    into_22, centre_2 = _turn(square_4, size, angle)
    return np.asarray((points_K2 - size / 2) @ np.linalg.inv(into_22).T + centre_2)


def _turn(square_4: np.ndarray, size: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrix from frame to crop axes, in crop px per frame px, and the square's centre."""
    ratio = size / max(float(square_4[2] - square_4[0]), 1e-3)
    cos, sin = np.cos(angle), np.sin(angle)
    square = np.asarray(square_4, np.float64)
    return ratio * np.array([[cos, sin], [-sin, cos]]), (square[:2] + square[2:4]) / 2
