"""Predicted bodies drawn: over the frame that they were seen in, and from the side.

Legend: V vertices. Pictures are RGB uint8 (H, W, 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from body.model import BodyModel
from body.raster import Light, Rasteriser
from hmmr_model.export.person_motion import PictureGeometry, PlacedPose

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
    one = slice(frame, frame + 1)
    vertices, joints = body(*(torch.from_numpy(x[one]) for x in (pose.rotations, pose.betas, pose.translation)))
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
