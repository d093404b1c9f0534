"""Cameras: weak perspective inside a crop, full perspective in the frame, and the way between them.

Axes of a camera: x right, y down, z forward. px: pixels of the source frame. Crop coordinates: [-1, 1] over the
tracklet's square box, x right, y down.
Legend: ... any leading axes, P points.
"""

import math

import torch
from torch import Tensor


def weak_perspective(points: Tensor, camera: Tensor) -> Tensor:
    """Crop coordinates (..., P, 2) of points (..., P, 3) m seen by camera (..., 3) = (s, tx, ty): s (x + t).

    Scale is applied after the shift, as in HMR's code: s (x + t), not s x + t.
    """
    return camera[..., None, :1] * (points[..., :2] + camera[..., None, 1:])


def perspective(points: Tensor, focal: Tensor | float, centre: Tensor) -> Tensor:
    """Pixels (..., P, 2) of points (..., P, 3) m in camera axes, z > 0; focal px, centre (..., 2) px."""
    if isinstance(focal, Tensor):
        focal = focal[..., None, None]
    return focal * points[..., :2] / points[..., 2:] + centre[..., None, :]


def to_crop(pixels: Tensor, box: Tensor) -> Tensor:
    """Crop coordinates (..., P, 2) of pixels (..., P, 2), for boxes (..., 4) = x0 y0 x1 y1 px."""
    low, size = box[..., None, :2], (box[..., None, 2:] - box[..., None, :2])
    return 2 * (pixels - low) / size - 1


def from_crop(crop: Tensor, box: Tensor) -> Tensor:
    """Pixels (..., P, 2) of crop coordinates (..., P, 2); the inverse of `to_crop`."""
    low, size = box[..., None, :2], (box[..., None, 2:] - box[..., None, :2])
    return low + (crop + 1) / 2 * size


def assumed_focal(width: int, height: int) -> float:
    """Focal length in px where nobody knows it: the frame's diagonal, a field of view of 53 degrees across it.

    The choice of Kissos et al. (Beyond Weak Perspective, 2020), also used by CLIFF.
    """
    return math.hypot(width, height)


def weak_to_translation(camera: Tensor, box: Tensor, focal: float, centre: Tensor) -> Tensor:
    """Metres (..., 3) to add to body points so that full perspective agrees with weak perspective at their origin.

    camera (..., 3) = (s, tx, ty) in the crop, box (..., 4) px (a square), focal px, centre (2,) px of the frame.
    From focal / Z = s width / 2 and the box centre's shift from the frame's centre.
    """
    width = box[..., 2] - box[..., 0]
    depth = 2 * focal / (camera[..., 0] * width)
    box_centre = (box[..., :2] + box[..., 2:]) / 2
    shift = camera[..., 1:] + (box_centre - centre) * (depth / focal)[..., None]
    return torch.cat([shift, depth[..., None]], dim=-1)


def translation_to_weak(translation: Tensor, box: Tensor, focal: float, centre: Tensor) -> Tensor:
    """Weak-perspective camera (..., 3) of a body whose origin lies at translation (..., 3) m; the inverse."""
    width, depth = box[..., 2] - box[..., 0], translation[..., 2]
    box_centre = (box[..., :2] + box[..., 2:]) / 2
    shift = translation[..., :2] - (box_centre - centre) * (depth / focal)[..., None]
    return torch.cat([(2 * focal / (depth * width))[..., None], shift], dim=-1)
