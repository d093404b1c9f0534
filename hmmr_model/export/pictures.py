"""Predicted bodies drawn: over the frame that they were seen in, from the side, as a video, as strips.

V vertices. Pictures are RGB uint8 (H, W, 3).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from body.draw import draw_skeleton
from body.ffmpeg import write_mp4
from body.model import BodyModel
from body.raster import Light, Rasteriser
from hmmr_model.export.person_motion import PersonMotion, PictureGeometry, PlacedPose, person_motion
from hmmr_model.predict import Prediction
from storage.atomic import write_atomically
from storage.tables import TrackletArrays

Picture = NDArray[np.uint8]
COLOURS = ((0.35, 0.62, 0.75), (0.80, 0.40, 0.05), (0.05, 0.45, 0.30), (0.65, 0.35, 0.55), (0.75, 0.65, 0.10))
"""Linear RGB by person, after Okabe and Ito (2008): told apart by colour-blind readers too."""
GROUND = 236
OPACITY = 0.85
VIEW_RADIUS_M = 1.15
"""Half the height that the second view shows round its middle: a person with raised arms fits."""


@dataclass(frozen=True)
class Drawn:
    """A body in one frame: vertices (V, 3) m in the camera frame, its pelvis (3,), its person's number."""

    vertices: NDArray[np.float32]
    pelvis: NDArray[np.float32]
    person: int


@torch.no_grad()
def drawn_body(pose: PlacedPose, frame: int, person: int, body: BodyModel) -> Drawn:
    """The mesh of one frame of a pose."""
    only = slice(frame, frame + 1)
    vertices, joints = body(*(torch.from_numpy(x[only]) for x in (pose.rotations, pose.betas, pose.translation)))
    return Drawn(vertices[0].numpy(), joints[0, 0].numpy(), person)


class MeshViews:
    """Draws both views at one size; keeps the rasteriser's buffers between frames."""

    def __init__(self, body: BodyModel, geometry: PictureGeometry, max_height: int = 720) -> None:
        """Pictures are scaled down to `max_height`; sides come out even, as H.264 needs them."""
        scale = min(1.0, max_height / geometry.height)
        self.width, self.height = (max(2, 2 * round(side * scale / 2)) for side in (geometry.width, geometry.height))
        self._focal = geometry.focal * self.height / geometry.height
        self._centre = (self.width / 2, self.height / 2)
        self._rasteriser = Rasteriser(body.faces, self.width, self.height)

    def pair(self, picture: Picture, bodies: Sequence[Drawn]) -> Picture:
        """The overlay and, to its right, the second view."""
        return np.hstack([self.overlay(picture, bodies), self.side(bodies)])

    def overlay(self, picture: Picture, bodies: Sequence[Drawn]) -> Picture:
        """Meshes over the pixels, nearer ones in front."""
        small = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if not bodies:
            return np.asarray(small, np.uint8)
        meshes = self._draw(small, [(b, b.vertices) for b in bodies])
        return np.asarray(cv2.addWeighted(meshes, OPACITY, small, 1 - OPACITY, 0), np.uint8)

    def side(self, bodies: Sequence[Drawn]) -> Picture:
        """The same bodies from 90 degrees to the camera's right, the middle between the pelvises kept in the centre."""
        ground = np.full((self.height, self.width, 3), GROUND, np.uint8)
        if not bodies:
            return ground
        pelvis_N3 = np.stack([b.pelvis for b in bodies])
        middle_3 = pelvis_N3.mean(0)
        radius = VIEW_RADIUS_M + float(np.linalg.norm(pelvis_N3 - middle_3, axis=1).max())
        away_3 = np.array([0, 0, self._focal * radius / (0.5 * min(self.width, self.height))])
        # A camera at the right of the scene looks along -x: its x is the scene's z, its z the scene's -x.
        turn_33 = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
        return self._draw(ground, [(b, (b.vertices - middle_3) @ turn_33.T + away_3) for b in bodies])

    def _draw(self, ground: Picture, meshes: Sequence[tuple[Drawn, NDArray[np.float32]]]) -> Picture:
        self._rasteriser.clear()
        for drawn, vertices_V3 in meshes:
            colour = np.asarray(COLOURS[drawn.person % len(COLOURS)])
            self._rasteriser.add(vertices_V3, self._focal, self._centre, colour, Light())
        return self._rasteriser.picture(ground)


def render_motion(
    frames: Iterable[tuple[int, Picture]], people: Sequence[PersonMotion], body: BodyModel, path: Path,
    fps: Fraction | float, *, max_height: int = 720, progress: Callable[[int], None] | None = None,
) -> Path:  # fmt: skip
    """Write an MP4 of the given frames of one video, each with everybody predicted in it.

    frames: (index in decode order, RGB picture of the size that the tracklets' pixels are in), in order. A frame
    without people is shown as it is. `progress` is called with the number of frames done. Raises VideoWriteError.
    """
    if not people:
        raise ValueError("nobody was predicted: there is nothing to draw")
    views = MeshViews(body, people[0].geometry, max_height)
    places = [{int(index): t for t, index in enumerate(person.frame_index)} for person in people]

    def pictures() -> Iterator[Picture]:
        for done, (index, picture) in enumerate(frames, start=1):
            yield views.pair(picture, _present(people, places, index, body))
            if progress:
                progress(done)

    return write_mp4(pictures(), path, fps)


def _present(
    people: Sequence[PersonMotion], places: Sequence[dict[int, int]], index: int, body: BodyModel
) -> list[Drawn]:
    return [
        drawn_body(person.now, place[index], number, body)
        for number, (person, place) in enumerate(zip(people, places, strict=True))
        if index in place
    ]


def photo_strip(picture: Picture, people: Sequence[PersonMotion], body: BodyModel, max_height: int = 720) -> Picture:
    """RGB (2 H, 3 W, 3): columns are 5 frames before, now and 5 frames after, rows the overlay and the side view.

    Past and future have no camera of their own: their pelvis stays where the present one is. A model without a
    hallucinator has neither, and the strip has one column.
    """
    if not people:
        raise ValueError("nobody was predicted: there is nothing to draw")
    views = MeshViews(body, people[0].geometry, max_height)
    columns = []
    for when in ("past", "now", "future"):
        poses = [(number, getattr(person, when)) for number, person in enumerate(people)]
        bodies = [drawn_body(pose, 0, number, body) for number, pose in poses if pose is not None]
        if not bodies:
            continue
        columns.append(np.vstack([views.overlay(picture, bodies), views.side(bodies)]))
    return np.hstack(columns)


def write_photo_strip(picture: Picture, people: Sequence[PersonMotion], body: BodyModel, path: Path) -> Path:
    """Write the strip as PNG, whole or not at all."""
    ok, encoded = cv2.imencode(".png", cv2.cvtColor(photo_strip(picture, people, body), cv2.COLOR_RGB2BGR))
    if not ok:
        raise ValueError(f"{path}: the strip could not be written as PNG")
    return write_atomically(path, encoded.tobytes())


def three_panels(
    picture: Picture, tracklet: TrackletArrays, prediction: Prediction, frame: int, body: BodyModel
) -> Picture:
    """RGB (H, 3 W, 3): the frame, the tracklet's keypoints on it, and the mesh of `prediction` at index `frame`.

    `picture` is the source frame tracklet.frame_index[frame]. The mesh is put where the predicted weak-perspective
    camera says, with the assumed focal length of body/cameras.py.
    """
    height, width = picture.shape[:2]
    geometry = PictureGeometry(width, height, Fraction(1, 25))
    drawn = drawn_body(person_motion(prediction, tracklet, geometry, body).now, frame, 0, body)
    views = MeshViews(body, geometry, max_height=height)
    small = cv2.resize(picture, (views.width, views.height), interpolation=cv2.INTER_AREA)
    skeleton = draw_skeleton(picture, tracklet.keypoints[frame])
    skeleton = cv2.resize(skeleton, (views.width, views.height), interpolation=cv2.INTER_AREA)
    return np.hstack([small, skeleton, views.overlay(picture, [drawn])]).astype(np.uint8)


def png_bytes(rows: Sequence[Picture]) -> bytes:
    """The pictures, one below the other and of equal width, as one PNG."""
    stacked = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    ok, encoded = cv2.imencode(".png", stacked)
    if not ok:
        raise ValueError("the picture could not be written as PNG")
    return encoded.tobytes()
