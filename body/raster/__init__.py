"""A mesh becomes pixels without a GPU, a display or OpenGL: a z-buffer with supersampling, compiled by numba.

Shapes: V vertices, F triangles, H W pixels. Camera frame: x right, y down, z forward, metres; a point (x, y, z)
falls on pixel (focal * x / z + cx, focal * y / z + cy), where the top-left corner of the picture is (0, 0).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from body.raster.kernels import Bytes, Floats, Ints, fill, project, resolve, shade, vertex_normals


@dataclass(frozen=True)
class Light:
    """One sun and an ambient that goes from the sky's to the ground's colour; linear RGB, about 0 to 1."""

    towards_sun: tuple[float, float, float] = (0.4, -0.7, -0.6)
    """Direction towards the sun in the camera frame; any length."""
    sun: tuple[float, float, float] = (0.85, 0.82, 0.76)
    sky: tuple[float, float, float] = (0.45, 0.48, 0.52)
    ground: tuple[float, float, float] = (0.28, 0.25, 0.22)

    def direction(self) -> Floats:
        """Unit vector (3,) towards the sun."""
        towards = np.asarray(self.towards_sun, np.float32)
        return np.asarray(towards / max(float(np.linalg.norm(towards)), 1e-9), np.float32)

    def colours(self) -> Floats:
        """(3, 3): sun, sky, ground."""
        return np.asarray([self.sun, self.sky, self.ground], np.float32)


class Rasteriser:
    """Draws meshes of one topology into pictures of one size. Buffers are kept between pictures.

    One picture: `clear()`, `add()` for each mesh (they hide each other by depth), `picture()`. For one mesh
    `draw()` does all three. Not safe to share between threads.
    """

    def __init__(self, faces: npt.ArrayLike, width: int, height: int, samples: int = 2) -> None:
        """`faces` (F, 3) with counter-clockwise corners seen from outside; `samples` a side of each pixel."""
        self.faces_F3 = np.ascontiguousarray(faces, np.int32)
        if self.faces_F3.ndim != 2 or self.faces_F3.shape[1] != 3:
            raise ValueError(f"faces must be (F, 3) vertex indices, not {self.faces_F3.shape}")
        self.width, self.height, self.samples = width, height, samples
        self._colour = np.zeros((height * samples, width * samples, 3), np.float32)
        self._nearness = np.zeros((height * samples, width * samples), np.float32)

    def clear(self) -> None:
        """Forget everything drawn so far."""
        self._nearness[:] = 0

    def add(
        self, vertices: npt.ArrayLike, focal: float, centre: Sequence[float], albedo: npt.ArrayLike, light: Light,
        faces: Ints | None = None,
    ) -> None:  # fmt: skip
        """Draw one mesh: vertices (V, 3) in the camera frame, albedo (V, 3) linear RGB in [0, 1], focal in px.

        `faces` (F, 3) of a mesh of another topology than this rasteriser's.
        """
        faces_F3 = self.faces_F3 if faces is None else faces
        vertices_V3 = np.ascontiguousarray(vertices, np.float32)
        albedo_V3 = np.ascontiguousarray(np.broadcast_to(np.asarray(albedo, np.float32), vertices_V3.shape))
        normals_V3 = vertex_normals(vertices_V3, faces_F3)
        colours_V3 = shade(vertices_V3, normals_V3, albedo_V3, light.direction(), light.colours())
        scale = self.samples
        screen_V3 = project(vertices_V3, focal * scale, centre[0] * scale, centre[1] * scale)
        fill(screen_V3, colours_V3, faces_F3, self._colour, self._nearness)

    def paint(
        self, vertices: npt.ArrayLike, focal: float, centre: Sequence[float], colours: npt.ArrayLike,
        faces: Ints | None = None,
    ) -> None:  # fmt: skip
        """Draw one mesh in colours (V, 3) in [0, 1] of the screen, without light; the rest as `add`."""
        vertices_V3 = np.ascontiguousarray(vertices, np.float32)
        colours_V3 = np.ascontiguousarray(np.broadcast_to(np.asarray(colours, np.float32), vertices_V3.shape))
        scale = self.samples
        screen_V3 = project(vertices_V3, focal * scale, centre[0] * scale, centre[1] * scale)
        fill(screen_V3, colours_V3, self.faces_F3 if faces is None else faces, self._colour, self._nearness)

    def picture(self, background: Bytes) -> Bytes:
        """What was drawn over a background (H, W, 3) uint8 RGB, as a new picture of that size."""
        if background.shape != (self.height, self.width, 3):
            raise ValueError(f"background must be {(self.height, self.width, 3)}, not {background.shape}")
        return resolve(self._colour, self._nearness, np.ascontiguousarray(background), self.samples)

    def depth(self) -> Floats:
        """Depth in metres of the nearest surface (H * samples, W * samples); inf where there is none."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / self._nearness, np.float32)

    def draw(
        self,
        vertices: npt.ArrayLike,
        focal: float,
        centre: Sequence[float],
        albedo: npt.ArrayLike,
        background: Bytes,
        light: Light | None = None,
    ) -> tuple[Bytes, Floats]:
        """One mesh over a background: the picture, and the depth of its samples as from `depth()`."""
        self.clear()
        self.add(vertices, focal, centre, albedo, light or Light())
        return self.picture(background), self.depth()
