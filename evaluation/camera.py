"""A calibrated camera as benchmarks give it: extrinsics, focal lengths, and Brown's lens distortion.

Legend: ... any leading axes, 3 x y z in metres, 2 x y in pixels.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """X_camera = rotation X_world + translation; then perspective with distortion (Brown 1966, as in OpenCV)."""

    focal: Float
    """(2,) px."""
    centre: Float
    """(2,) px."""
    radial: Float = field(default_factory=lambda: np.zeros(3))
    """k1, k2, k3."""
    tangential: Float = field(default_factory=lambda: np.zeros(2))
    """p1, p2."""
    rotation: Float = field(default_factory=lambda: np.eye(3))
    """(3, 3) world to camera."""
    translation: Float = field(default_factory=lambda: np.zeros(3))
    """(3,) m, camera frame."""

    def to_camera(self, points_world: Float) -> Float:
        """(..., 3) m of the world to (..., 3) m of the camera (x right, y down, z forward)."""
        moved: Float = points_world @ self.rotation.T + self.translation
        return moved

    def project(self, points_camera: Float) -> Float:
        """(..., 3) m of the camera to (..., 2) px, distorted."""
        flat = points_camera[..., :2] / points_camera[..., 2:]
        r2 = (flat**2).sum(-1, keepdims=True)
        k1, k2, k3 = self.radial
        p1, p2 = self.tangential
        x, y = flat[..., :1], flat[..., 1:]
        bent = flat * (1 + r2 * (k1 + r2 * (k2 + r2 * k3)))
        shift = np.concatenate([2 * p1 * x * y + p2 * (r2 + 2 * x**2), p1 * (r2 + 2 * y**2) + 2 * p2 * x * y], -1)
        pixels: Float = (bent + shift) * self.focal + self.centre
        return pixels
