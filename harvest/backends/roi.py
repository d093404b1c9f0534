"""Square crops of frames: cutting them, mapping points back, and where BlazePose wants them.

Coordinates are of pixel corners: the first pixel covers [0, 1), its centre is at 0.5 (storage/schema.py). BlazePose's
two auxiliary landmarks span a circle around the whole person. MediaPipe's rule (pose_landmarks_to_roi.pbtxt): centre =
landmark 33, the mid-hip; radius to landmark 34; the square is 1.25 times the circle, turned so that landmark 34 is
straight above 33. Letters: N crops, J joints.
"""

from dataclasses import dataclass

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


ROI_SCALE = 1.25
"""Side of the square over the diameter of the circle."""
REACH_OF_JOINTS = 1.02
"""Radius of the circle over the distance from the mid-hip to the farthest joint: the median of 316 people of films and
real clips (0.92 to 1.17 in nine of ten)."""
TURN = 0.7
"""A followed person's crop is turned by this share of the trunk's angle. Turned fully, frame after frame, BlazePose
exchanges left and right of a leaning athlete in 26 of 100 frames; turned less, it does not (docs/LOG.md)."""


@dataclass(frozen=True)
class Crops:
    """N squares of frames (x0 y0 x1 y1 px), each turned by its angle (radians) about its centre."""

    squares_N4: np.ndarray
    angles_N: np.ndarray

    def __getitem__(self, which: np.ndarray) -> "Crops":
        return Crops(self.squares_N4[which], self.angles_N[which])


@dataclass(frozen=True)
class RefineLimits:
    """How far a crop may be from BlazePose's own. Beyond that the person is read again.

    On pose_squats.mp4 (a person who bends far over) one pass has a mean error of 11.9 px against the published
    landmarks, two passes in every frame 9.6; with these limits it stays 9.6 and upright people need one pass only.
    `shift` is in parts of the own crop's side.
    """

    turn_degrees: float = 7.0
    size_ratio: float = 1.2
    shift: float = 0.1


def upright(squares_N4: np.ndarray) -> Crops:
    """Crops that are not turned."""
    return Crops(np.asarray(squares_N4, np.float64), np.zeros(len(squares_N4)))


def own_crops(hips_N2: np.ndarray, above_N2: np.ndarray) -> Crops:
    """BlazePose's crops from its auxiliary landmarks 33 and 34, in px of the frame."""
    reach_N2 = above_N2 - hips_N2
    half_N1 = np.maximum(np.linalg.norm(reach_N2, axis=-1, keepdims=True) * ROI_SCALE, 1.0)
    turn_N = np.arctan2(reach_N2[:, 0], -reach_N2[:, 1])
    return Crops(np.concatenate([hips_N2 - half_N1, hips_N2 + half_N1], -1), turn_N)


def crops_around(joints_NJ2: np.ndarray, hips_N2: np.ndarray, shoulders_N2: np.ndarray) -> Crops:
    """Crops like those of `own_crops`, estimated from a person's joints, mid-hip and mid-shoulder, and turned by TURN
    of the trunk's angle, which agrees with BlazePose's own within 1 degree."""
    far_N = np.linalg.norm(joints_NJ2 - hips_N2[:, None], axis=-1).max(-1, initial=0)
    trunk_N2 = shoulders_N2 - hips_N2
    trunk_N2 = trunk_N2 / np.maximum(np.linalg.norm(trunk_N2, axis=-1, keepdims=True), 1e-6)
    whole = own_crops(hips_N2, hips_N2 + trunk_N2 * (REACH_OF_JOINTS * far_N)[:, None])
    return Crops(whole.squares_N4, TURN * whole.angles_N)


def is_off(used: Crops, own: Crops, limits: RefineLimits) -> np.ndarray:
    """(N) whether each crop that was used is beyond the limits from BlazePose's own."""
    side_N, own_side_N = (c.squares_N4[:, 2] - c.squares_N4[:, 0] for c in (used, own))
    ratio_N = np.maximum(side_N / own_side_N, own_side_N / side_N)
    shift_N = np.abs(used.squares_N4 - own.squares_N4).reshape(-1, 2, 2).mean(1).max(-1) / own_side_N
    turn_N = np.abs((own.angles_N - used.angles_N + np.pi) % (2 * np.pi) - np.pi)
    far = np.degrees(turn_N) > limits.turn_degrees
    return np.asarray(far | (ratio_N > limits.size_ratio) | (shift_N > limits.shift))
