"""Where a shot takes place: a room or an open field, things in it, the light. World: y up, metres, floor at y = 0."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from body.raster import Light
from body.raster.kernels import Bytes, Floats
from openworld.scene.backdrop_kernels import add_grain, cast_rays, darken, splat_shadow, turn
from openworld.scene.camera import Camera

GRAIN_SIDE = 251
"""Side of the tile of sensor noise; prime, so that its shifts repeat late."""
SHADOW_ROWS, MOST_ROWS = 240, 1080
"""Pictures of more than MOST_ROWS get shadows of about SHADOW_ROWS, enlarged: single vertices would show in them."""
BEHIND_PEOPLE_M = 0.8
"""Things stand at least this far behind the people: the backdrop is painted before them."""


@dataclass(frozen=True)
class Scenery:
    """Everything of a shot but camera and people."""

    room: npt.NDArray[np.float64]
    """(6) lowest and highest x, y, z"""
    outdoors: bool
    boxes: npt.NDArray[np.float64]
    """(B, 6) as room"""
    colours: npt.NDArray[np.float64]
    """(3 + B, 3) of floor, walls or horizon, ceiling or zenith, boxes; as seen on the screen"""
    patterns: npt.NDArray[np.int64]
    """(3 + B) of the same surfaces"""
    towards_sun: npt.NDArray[np.float64]
    """(3) unit vector"""
    sun: tuple[float, float, float]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    shadow: float
    """Share of the light that a shadow takes"""
    grain: npt.NDArray[np.int8]
    """(GRAIN_SIDE, GRAIN_SIDE) sensor noise"""
    seed: int


def random_scenery(rng: np.random.Generator, camera: Camera, people: list[npt.NDArray[np.float64]]) -> Scenery:
    """A room that holds camera and people (each (T, N, 3) world points), or a field, with boxes behind the people."""
    outdoors = bool(rng.random() < 0.4)
    boxes = _boxes(rng, camera, _farthest(camera, people), outdoors)
    elevation, azimuth = np.deg2rad(rng.uniform(35, 75)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(elevation)
    warmth = rng.uniform(-0.05, 0.08)
    strength = rng.uniform(0.65, 0.95)
    return Scenery(
        room=_room(rng, camera, people, outdoors),
        outdoors=outdoors,
        boxes=boxes,
        colours=_colours(rng, outdoors, len(boxes)),
        patterns=np.asarray(rng.integers(0, 4, 3 + len(boxes))),
        towards_sun=np.array([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)]),
        sun=(strength * (1 + warmth), strength, strength * (1 - 1.5 * warmth)),
        sky=(0.44, 0.47, 0.52),
        ground=(0.27, 0.25, 0.22),
        shadow=float(rng.uniform(0.25, 0.5)),
        grain=np.clip(rng.normal(0, rng.uniform(0.5, 3.0), (GRAIN_SIDE, GRAIN_SIDE)), -9, 9).astype(np.int8),
        seed=int(rng.integers(1, 100_000)),
    )


def _farthest(camera: Camera, people: list[npt.NDArray[np.float64]]) -> float:
    """Depth in metres of the farthest point of anybody."""
    return max((float(camera.to_camera(points)[..., 2].max()) for points in people), default=3.0)


def _room(
    rng: np.random.Generator, camera: Camera, people: list[npt.NDArray[np.float64]], outdoors: bool
) -> npt.NDArray[np.float64]:
    if outdoors:
        return np.array([-500.0, 0.0, -500.0, 500.0, 500.0, 500.0])
    inside = np.concatenate([camera.position, *(points.reshape(-1, 3) for points in people)])
    low = inside.min(0) - rng.uniform(0.6, 4.0, 3)
    high = inside.max(0) + rng.uniform(0.6, 4.0, 3)
    return np.array([low[0], 0.0, low[2], high[0], max(high[1], 2.5), high[2]])


def _boxes(rng: np.random.Generator, camera: Camera, behind: float, outdoors: bool) -> npt.NDArray[np.float64]:
    """(B, 6) furniture on the floor and pictures on air in a room; houses in a field."""
    middle = camera.axes[len(camera.axes) // 2]
    forward = middle[2] * np.array([1.0, 0.0, 1.0])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    boxes = []
    for _ in range(int(rng.integers(1, 9))):
        scale = rng.uniform(2.0, 7.0) if outdoors else rng.uniform(0.3, 1.1)
        half = scale * rng.uniform(0.4, 1.0, 3)
        away = behind + BEHIND_PEOPLE_M + 1.5 * scale + (rng.uniform(2, 30) if outdoors else rng.uniform(0, 3))
        place = camera.position[len(camera.position) // 2] + away * forward + rng.uniform(-0.8, 0.8) * away * right
        base = rng.uniform(0.8, 1.8) if not outdoors and rng.random() < 0.35 else 0.0
        low, high = place - half, place + half
        low[1], high[1] = base, base + 2 * half[1]
        boxes.append(np.concatenate([low, high]))
    return np.array(boxes)


def _colours(rng: np.random.Generator, outdoors: bool, boxes: int) -> npt.NDArray[np.float64]:
    colours = rng.uniform(0.2, 0.9, (3 + boxes, 1)) * (1 + rng.uniform(-0.3, 0.3, (3 + boxes, 3)))
    if outdoors:
        colours[0] = np.array([[0.36, 0.42, 0.26], [0.5, 0.48, 0.44], [0.6, 0.53, 0.4]])[rng.integers(3)]
        colours[1] = rng.uniform(0.7, 0.95) * np.array([0.95, 0.97, 1.0])
        colours[2] = rng.uniform(0.6, 0.95) * np.array([0.45, 0.65, 1.0])
    return np.clip(colours, 0.03, 0.97)


class Backdrop:
    """The empty scene as one camera sees it, frame by frame, with the people's shadows."""

    def __init__(self, scenery: Scenery, camera: Camera, size: tuple[int, int]) -> None:
        """For a camera that only turns, rays are cast once, wide enough for all that it turns to, and frames are cut
        out of that picture. For one that moves they are cast for each frame."""
        self.scenery, self.camera, self.size = scenery, camera, size
        middle = len(camera.axes) // 2
        self._reference, self._origin = camera.axes[middle], camera.position[middle]
        self._moves = not np.allclose(camera.position, self._origin, atol=1e-9)
        self._still = bool(np.allclose(camera.axes, self._reference, atol=1e-9))
        low, high = (np.zeros(2), np.asarray(size, float)) if self._still or self._moves else self._extent()
        self._corner = low
        wide = (int(high[0] - low[0]), int(high[1] - low[1]))
        centre = (camera.centre[0] - low[0], camera.centre[1] - low[1])
        self._canvas = None if self._moves else self._cast(wide, centre, self._reference, self._origin)

    def light(self, frame: int) -> Light:
        """The scene's light in the camera frame of `frame`."""
        x, y, z = (float(value) for value in self.camera.axes[frame] @ self.scenery.towards_sun)
        return Light((x, y, z), self.scenery.sun, self.scenery.sky, self.scenery.ground)

    def frame(self, frame: int, people: list[Floats]) -> Bytes:
        """The scene (height, width, 3) with the shadows of people (each (V, 3) world vertices), before the people."""
        picture = self._empty(frame)
        if people:
            coarse = self.size[1] // SHADOW_ROWS if self.size[1] > MOST_ROWS else 1
            shadow = np.zeros((picture.shape[0] // coarse, picture.shape[1] // coarse), np.float32)
            axes, origin = self.camera.axes[frame].astype(np.float32), self.camera.position[frame].astype(np.float32)
            for vertices in people:
                sun = self.scenery.towards_sun.astype(np.float32)
                splat_shadow(shadow, vertices, axes, origin, sun, self.camera.focal / coarse)
            shadow = cv2.GaussianBlur(shadow, (0, 0), 1.5)
            if coarse > 1:
                shadow = cv2.resize(shadow, self.size)
            darken(picture, shadow, self.scenery.shadow)
        return picture

    def _empty(self, frame: int) -> Bytes:
        """The scene (height, width, 3) without anybody."""
        if self._canvas is None:
            axes, origin = self.camera.axes[frame], self.camera.position[frame]
            return self._cast(self.size, self.camera.centre, axes, origin)
        return self._canvas.copy() if self._still else turn(self._canvas, self._homography(frame), self.size)

    def _cast(
        self, size: tuple[int, int], centre: tuple[float, float], axes: npt.NDArray[np.float64],
        origin: npt.NDArray[np.float64],
    ) -> Bytes:  # fmt: skip
        scenery = self.scenery
        return cast_rays(
            size, self.camera.focal, centre, axes, origin, scenery.room, scenery.outdoors, scenery.boxes,
            scenery.colours, scenery.patterns, scenery.seed,
        )  # fmt: skip

    def expose(self, picture: Bytes, rng: np.random.Generator) -> None:
        """Add sensor noise to a picture, in place."""
        row, column = rng.integers(GRAIN_SIDE, size=2)
        add_grain(picture, self.scenery.grain, int(row), int(column))

    def _homography(self, frame: int) -> npt.NDArray[np.float64]:
        """Homogeneous px of `frame` to homogeneous px of the canvas."""
        f, (cx, cy) = self.camera.focal, self.camera.centre
        to_ray = np.array([[1 / f, 0, -cx / f], [0, 1 / f, -cy / f], [0, 0, 1]])
        to_canvas = np.array([[f, 0, cx - self._corner[0]], [0, f, cy - self._corner[1]], [0, 0, 1]])
        return np.asarray(to_canvas @ self._reference @ self.camera.axes[frame].T @ to_ray)

    def _extent(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Lowest and highest px, in the reference frame's picture, that any frame's corner sees; two px of margin."""
        self._corner = np.zeros(2)
        width, height = self.size
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        seen = np.concatenate([corners @ self._homography(t).T for t in range(len(self.camera.axes))])
        px = seen[:, :2] / seen[:, 2:]
        return np.floor(px.min(0)) - 2, np.ceil(px.max(0)) + 2
