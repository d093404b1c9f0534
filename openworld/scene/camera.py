"""Cameras of a shot: where they stand, where they look, how they are held.

World: y up, metres, floor at y = 0. Camera frame: x right, y down, z forward. T frames, N points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from body.joints import KEYPOINTS_25, indices
from openworld.motion.curves import Clock, Curve, drift

CameraStyle = Literal["lab", "wild"]
Part = Literal["whole", "upper", "face"]
"""What of a person a camera shows."""

LOWEST_M = 0.25
"""No camera stands lower than this above the floor."""
MARGIN_PX = 6
"""Room that the framing leaves between the outermost keypoint and the frame's border."""
PART_M: Mapping[Part, float] = {"whole": 1.75, "upper": 0.85, "face": 0.38}
"""Height that the framing takes each part of a person for."""
_HEAD = ("head_top", "nose", "left_eye", "right_eye", "left_ear", "right_ear", "neck")
PART_JOINTS: Mapping[Part, tuple[str, ...]] = {
    "whole": KEYPOINTS_25,
    "upper": (*_HEAD, "left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "face": _HEAD,
}
"""The joints that must be in the frame."""
WILD_ROLL_SD = np.deg2rad(5)
SHAKE_SD = 0.004
"""Radians; how unsteadily a hand holds a camera, about 2 px here."""
WALKING_SHAKE_SD = 0.012
"""Radians; of somebody who walks with it."""
STEP_M, STEP_HZ = 0.025, 1.8
"""How far a walking hand goes up and down, and how often."""
WALK_M = 0.08
"""sd in metres of where a walking camera is, sideways and along."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera."""

    focal: float
    """px"""
    centre: tuple[float, float]
    """px of the optical axis"""
    position: npt.NDArray[np.float64]
    """(T, 3) world, metres"""
    axes: npt.NDArray[np.float64]
    """(T, 3, 3) rows: right, down and forward in the world"""

    def to_camera(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """World points (T, N, 3) in each frame's camera frame."""
        return np.asarray((np.asarray(points, np.float64) - self.position[:, None]) @ self.axes.transpose(0, 2, 1))

    def pixels(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Camera-frame points (..., 3) to px (..., 2)."""
        points_N3 = np.asarray(points, np.float64)
        return np.asarray(self.focal * points_N3[..., :2] / points_N3[..., 2:] + np.asarray(self.centre))


@dataclass(frozen=True)
class Stance:
    """Where a camera stands relative to what it looks at, before it is known how the people move."""

    azimuth: float
    """Radians about the vertical from the target to the camera; 0 is +z of the target."""
    pitch: float
    """Radians; positive looks down."""
    roll: float
    distance: float
    """Metres to the target."""
    fill: float
    """Share of the frame's height that a standing person would take."""
    follows: bool
    shakes: bool
    walks: bool = False
    """Whether the camera itself moves, as in a hand."""
    part: Part = "whole"

    @property
    def joints(self) -> list[int]:
        """Index of each of the 25 keypoints that must be in the frame."""
        return indices(PART_JOINTS[self.part], KEYPOINTS_25)


def random_stance(rng: np.random.Generator, style: CameraStyle) -> Stance:
    """Draw a stance of the style: lab or wild, as docs/scaling_pilot.md section 2 defines them."""
    azimuth = rng.uniform(0, 2 * np.pi)
    if style == "lab":
        return Stance(
            azimuth=azimuth, pitch=np.deg2rad(rng.uniform(0, 10)), roll=0.0, distance=rng.uniform(4.5, 5.5),
            fill=rng.uniform(0.75, 0.95), follows=False, shakes=False,
        )  # fmt: skip
    return Stance(
        azimuth=azimuth, pitch=np.deg2rad(rng.uniform(-10, 40)), roll=rng.normal(0, WILD_ROLL_SD),
        distance=rng.uniform(2.5, 6.0), fill=rng.uniform(0.75, 1.0), follows=rng.random() < 0.6,
        shakes=rng.random() < 0.5,
    )  # fmt: skip


def place_camera(
    rng: np.random.Generator, stance: Stance, people: list[npt.NDArray[np.float64]], clock: Clock,
    size: tuple[int, int], inner: tuple[int, int] | None = None,
) -> Camera:  # fmt: skip
    """A camera that has the people (each (T, N, 3) world points) in its frame of `size` (width, height) px.

    It zooms out until all points fit at all times: into the middle `inner` (width, height) px, if that is given.
    """
    inner = inner or size
    target_T3 = _target(people, clock, stance.follows)
    middle_3 = target_T3.mean(0)
    position_T3 = np.tile(middle_3 + stance.distance * _direction(stance, middle_3[1]), (clock.frames, 1))
    if stance.walks:
        position_T3 = position_T3 + _walk(rng, clock)
    axes_T33 = np.stack([_look(*places, stance.roll) for places in zip(position_T3, target_T3, strict=True)])
    if stance.shakes:
        axes_T33 = _shake(rng, clock, WALKING_SHAKE_SD if stance.walks else SHAKE_SD) @ axes_T33
    centre = (size[0] / 2, size[1] / 2)
    camera = Camera(1.0, centre, position_T3, axes_T33)
    wanted = stance.fill * inner[1] * stance.distance / PART_M[stance.part]
    return Camera(min(wanted, _fitting_focal(camera, people, inner)), centre, position_T3, axes_T33)


def _target(people: list[npt.NDArray[np.float64]], clock: Clock, follows: bool) -> Curve:
    """(T, 3) what the camera looks at: the middle of all that happens, or the first person, smoothly."""
    if not people:
        return np.tile([0.0, 1.0, 0.0], (clock.frames, 1))
    if follows:
        return np.asarray(gaussian_filter1d(people[0].mean(1), clock.fps / 2, axis=0, mode="nearest"))
    everything = np.concatenate([points.reshape(-1, 3) for points in people])
    return np.tile((everything.min(0) + everything.max(0)) / 2, (clock.frames, 1))


def _direction(stance: Stance, height: float) -> Curve:
    """Unit vector from the target to the camera, raised where it would lead below the floor."""
    lowest = np.arcsin(np.clip((LOWEST_M - height) / stance.distance, -1, 1))
    pitch = max(stance.pitch, lowest)
    flat = np.array([np.sin(stance.azimuth), 0.0, np.cos(stance.azimuth)])
    return np.asarray(np.cos(pitch) * flat + np.array([0.0, np.sin(pitch), 0.0]))


def _look(position_3: Curve, target_3: Curve, roll: float) -> Curve:
    """(3, 3) rows right, down, forward of a camera that looks at a target."""
    forward = (target_3 - position_3) / np.linalg.norm(target_3 - position_3)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    return np.asarray(Rotation.from_rotvec([0.0, 0.0, roll]).as_matrix() @ upright)


def _walk(rng: np.random.Generator, clock: Clock) -> Curve:
    """(T, 3) metres that a camera in a walking hand is away from its place: slow ways, and the steps."""
    wander = np.stack([drift(rng, clock, sd, 0.5) for sd in (WALK_M, WALK_M / 4, WALK_M)], 1)
    step = 2 * np.pi * (STEP_HZ * clock.seconds + rng.uniform())
    sway = np.stack([STEP_M * np.sin(step / 2), STEP_M * np.sin(step), STEP_M * np.cos(step / 2)], 1)
    return np.asarray(wander + sway)


def _shake(rng: np.random.Generator, clock: Clock, sd: float) -> Curve:
    angles = np.stack([drift(rng, clock, sd, 1.5) for _ in range(3)], 1)
    return np.asarray(Rotation.from_rotvec(angles).as_matrix())


def _fitting_focal(camera: Camera, people: list[npt.NDArray[np.float64]], size: tuple[int, int]) -> float:
    """The longest focal length in px at which every point stays inside the frame's margin."""
    half = np.asarray(size) / 2 - MARGIN_PX
    focal = np.inf
    for points in people:
        seen = camera.to_camera(points)
        slope = np.abs(seen[..., :2] / np.maximum(seen[..., 2:], 0.2)).reshape(-1, 2).max(0)
        focal = min(focal, float((half / slope).min()))
    return focal
