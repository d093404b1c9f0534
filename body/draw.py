"""People drawn over pictures: a skeleton of the 25 keypoints.

Left is orange and right is blue, from the palette of Okabe and Ito (2008), which colour-blind readers tell apart;
the middle is white. Pictures are RGB uint8 (H, W, 3) and never changed in place.
"""

import cv2
import numpy as np
import numpy.typing as npt

from body.joints import KEYPOINTS_25
from body.raster.kernels import Bytes

LEFT = (230, 159, 0)
RIGHT = (0, 114, 178)
MIDDLE = (255, 255, 255)

BONES: tuple[tuple[str, str], ...] = (
    ("head_top", "neck"), ("neck", "nose"), ("nose", "left_eye"), ("nose", "right_eye"),
    ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("neck", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("neck", "right_shoulder"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"), ("left_hip", "right_hip"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("left_ankle", "left_heel"),
    ("left_ankle", "left_big_toe"), ("left_big_toe", "left_small_toe"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("right_ankle", "right_heel"),
    ("right_ankle", "right_big_toe"), ("right_big_toe", "right_small_toe"),
)  # fmt: skip
"""Which of the 25 keypoints are joined by a line."""

_SUBPIXEL_BITS = 4


def side_colour(*names: str) -> tuple[int, int, int]:
    """Colour of a joint or bone by the side in its name; the end of a bone decides where its start has no side."""
    sides = [name.split("_")[0] for name in names]
    if "left" in sides and "right" not in sides:
        return LEFT
    if "right" in sides and "left" not in sides:
        return RIGHT
    return MIDDLE


def draw_skeleton(
    image: Bytes, keypoints: npt.ArrayLike, *, min_score: float = 0.3, thickness: int | None = None
) -> Bytes:
    """A copy of `image` with the skeleton of keypoints (25, 3) = x, y in px and score.

    Joints below `min_score` or not finite are left out, with their bones. The default thickness suits the picture.
    """
    points_K3 = np.asarray(keypoints, np.float64)
    if points_K3.shape != (25, 3):
        raise ValueError(f"a skeleton needs (25, 3) keypoints, not {points_K3.shape}")
    picture = np.ascontiguousarray(image).copy()
    width = thickness or max(1, round(min(image.shape[:2]) / 160))
    seen = np.isfinite(points_K3).all(1) & (points_K3[:, 2] >= min_score)
    fixed = np.where(seen[:, None], points_K3[:, :2], 0) * (1 << _SUBPIXEL_BITS)
    fixed = np.clip(np.round(fixed), -(2**24), 2**24).astype(int)
    place = {name: i for i, name in enumerate(KEYPOINTS_25)}
    for start, end in BONES:
        a, b = place[start], place[end]
        if seen[a] and seen[b]:
            cv2.line(picture, fixed[a].tolist(), fixed[b].tolist(), side_colour(start, end), width, cv2.LINE_AA,
                     _SUBPIXEL_BITS)  # fmt: skip
    for name, i in place.items():
        if seen[i]:
            cv2.circle(picture, fixed[i].tolist(), (width + 1) << _SUBPIXEL_BITS, side_colour(name), -1, cv2.LINE_AA,
                       _SUBPIXEL_BITS)  # fmt: skip
    return picture
