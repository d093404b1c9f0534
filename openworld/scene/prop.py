"""Things in a shot that are drawn as meshes: boxes before people, and pictures of people on walls and screens.

World frame: y up, metres. V vertices, F triangles, T frames. None of it is a person, so no truth holds it.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from body.raster import Light
from body.raster.kernels import Floats, Ints, shade, vertex_normals
from openworld.scene.actor import Actor
from openworld.scene.figure import Figure

POSTER_M = (1.0, 1.9)
"""Height of a poster: people on large ones are as large as people."""
SCREEN_M = (0.7, 1.3)
HANGS_M = (0.3, 0.8)
"""Height of a picture's lower edge above the floor."""
BORDER = 1.12
"""A picture is so many times as high and wide as what the person on it takes."""
RELIEF_M = 0.004
"""What is left of the depth of a person on a picture: enough for the z-buffer to know front from back."""
STUDIO_M = 4.0
"""Distance of the camera that took the picture."""


@dataclass(frozen=True)
class Prop:
    """A thing that stands still."""

    vertices: Floats
    """(V, 3) world"""
    faces: Ints
    """(F, 3) outward"""
    colours: Floats | None = None
    """(V, 3) as seen on the screen, without light; None: the scenery's last colour, lit"""


@dataclass(frozen=True)
class Pictured:
    """A picture of a person: flat, with the colours that a camera saw, on a board."""

    actor: Actor
    shown: npt.NDArray[np.int64]
    """(T) the frame of the performance that the picture shows at each frame of the film; a poster never changes"""
    view: npt.NDArray[np.float64]
    """(3, 3) rows right, up, towards: axes from which the picture was taken, in the actor's world"""
    axes: npt.NDArray[np.float64]
    """(3, 3) rows right, up, outward: axes of the board in the film's world"""
    centre: npt.NDArray[np.float64]
    """(3) of the board's front"""
    subject: npt.NDArray[np.float64]
    """(2, 3) lowest and highest place that the actor takes, in `view`"""
    scale: float
    """Metres of the board a metre of the actor"""
    brightness: float
    boards: tuple[Prop, Prop]
    """The ground of the picture, and the frame around it"""

    def drawn(self, figure: Figure, frame: int) -> tuple[Floats, Floats]:
        """Flat world vertices (V, 3) and screen colours (V, 3) of the person at one frame of the film."""
        local_V3 = self.actor.vertices(figure, int(self.shown[frame])) @ self.view.T
        low_3, high_3 = self.subject
        flat_V3 = self.scale * (local_V3 - (low_3 + high_3) / 2)
        flat_V3[:, 2] = RELIEF_M * (0.5 + (local_V3[:, 2] - low_3[2]) / (high_3[2] - low_3[2]))
        world_V3 = flat_V3 @ self.axes + self.centre
        return world_V3.astype(np.float32), self._colours(figure, local_V3 - (low_3 + high_3) / 2)

    def _colours(self, figure: Figure, centred_V3: npt.NDArray[np.float64]) -> Floats:
        """As a camera in the studio saw the person: x right, y down, z forward."""
        seen_V3 = (centred_V3 * (1, -1, -1) + (0, 0, STUDIO_M)).astype(np.float32)
        light = Light()
        normals_V3 = vertex_normals(seen_V3, figure.faces)
        albedo_V3 = np.ascontiguousarray(self.actor.albedo, np.float32)
        lit_V3 = shade(seen_V3, normals_V3, albedo_V3, light.direction(), light.colours())
        return np.asarray(lit_V3 * self.brightness, np.float32)


def hang(
    rng: np.random.Generator, figure: Figure, actor: Actor, place: npt.NDArray[np.float64], azimuth: float, *,
    moving: bool,
) -> Pictured:  # fmt: skip
    """A poster, or with `moving` a screen, above the floor point `place` (3), that faces about `azimuth`."""
    frames = len(actor.rotations)
    shown = np.arange(frames) if moving else np.full(frames, frames // 2)
    view = upright_axes(rng.uniform(0, 2 * np.pi))
    sampled = np.unique(shown[:: max(frames // 8, 1)])
    corners = np.concatenate([actor.vertices(figure, int(frame)) @ view.T for frame in sampled])
    subject = np.stack([corners.min(0), corners.max(0)]).astype(np.float64)
    height = rng.uniform(*(SCREEN_M if moving else POSTER_M))
    scale = height / BORDER / (subject[1, 1] - subject[0, 1])
    width = max(BORDER * scale * (subject[1, 0] - subject[0, 0]), height * (1.4 if moving else 0.6))
    centre = place + np.array([0.0, rng.uniform(*HANGS_M) + height / 2, 0.0])
    axes = upright_axes(azimuth + rng.normal(0, 0.2))
    ground = rng.uniform(0.1, 0.9, (2, 1)) * rng.uniform(0.6, 1.0, (2, 3))
    frame_colour = np.full((2, 3), 0.03 if moving else rng.uniform(0.1, 0.8))
    return Pictured(
        actor=actor, shown=shown, view=view, axes=axes, centre=centre, subject=subject, scale=scale,
        brightness=1.0 if moving else float(rng.uniform(0.7, 1.0)),
        boards=(
            _board(width, height, 0.0, axes, centre, ground),
            _board(width + 0.06, height + 0.06, 0.01, axes, centre, frame_colour),
        ),
    )  # fmt: skip


def board_corners(picture: Pictured) -> npt.NDArray[np.float64]:
    """World points (V, 3) of the frame around a picture."""
    return np.asarray(picture.boards[1].vertices, np.float64)


def upright_axes(azimuth: float) -> npt.NDArray[np.float64]:
    """(3, 3) rows right, up and outward of something upright that faces `azimuth` (0 is +z), right-handed."""
    outward = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    up = np.array([0.0, 1.0, 0.0])
    return np.stack([np.cross(up, outward), up, outward])


def box_prop(
    box_6: npt.NDArray[np.float64], axes: npt.NDArray[np.float64] | None = None,
    place: npt.NDArray[np.float64] | None = None,
) -> Prop:  # fmt: skip
    """A box given by its lowest and highest x, y, z; with `axes` (3, 3) and `place` (3) in axes of its own."""
    vertices, faces = box_mesh(box_6)
    if axes is not None:
        vertices = np.asarray(vertices @ axes + (0 if place is None else place), np.float32)
    return Prop(vertices, faces)


def box_mesh(box_6: npt.NDArray[np.float64]) -> tuple[Floats, Ints]:
    """Vertices (24, 3) and outward faces (12, 3) of a box given by its lowest and highest x, y, z.

    Each side has corners of its own, so that the edges are shaded as edges.
    """
    corners: list[npt.NDArray[np.float64]] = []
    faces: list[list[int]] = []
    for axis, end in product(range(3), (0, 3)):
        second, third = (axis + 1) % 3, (axis + 2) % 3
        first = len(corners)
        for along, across in ((0, 0), (3, 0), (3, 3), (0, 3)):
            corner = np.empty(3)
            corner[[axis, second, third]] = box_6[axis + end], box_6[second + along], box_6[third + across]
            corners.append(corner)
        square = [[first, first + 1, first + 2], [first, first + 2, first + 3]]
        faces += square if end else [triangle[::-1] for triangle in square]
    return np.array(corners, np.float32), np.array(faces, np.int32)


def _board(
    width: float, height: float, behind: float, axes: npt.NDArray[np.float64], centre: npt.NDArray[np.float64],
    colours_23: npt.NDArray[np.float64],
) -> Prop:  # fmt: skip
    """A flat box whose front lies `behind` metres behind `centre`, with the colours of its lower and upper edge."""
    low, high = np.array([-width / 2, -height / 2, -behind - 0.03]), np.array([width / 2, height / 2, -behind])
    vertices, faces = box_mesh(np.concatenate([low, high]))
    colours = colours_23[(vertices[:, 1] > 0).astype(int)]
    return Prop(np.asarray(vertices @ axes + centre, np.float32), faces, colours.astype(np.float32))
