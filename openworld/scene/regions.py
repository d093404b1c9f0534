"""Where clothes, hair and face lie on the open body, by coordinates of its rest pose.

All in metres on the neutral body at rest (y up, facing +z, pelvis at 0, arms along x). V vertices. The numbers were
found by looking at renders (docs/films.md section C).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from body.joints import SMPL_24
from openworld.scene.figure import Figure
from openworld.scene.look import Look

Mask = npt.NDArray[np.bool_]

HEM_M = -0.08
"""Where the shirt ends and the trousers begin."""


@dataclass(frozen=True)
class Regions:
    """Masks (V) of what covers each vertex; they do not overlap. Bare skin is what none of them covers."""

    shirt: Mask
    trousers: Mask
    shoes: Mask
    hair: Mask
    eyes: Mask


@dataclass(frozen=True)
class Face:
    """Landmarks of the neutral head, metres."""

    eye_x: float
    eye_y: float
    front_z: float
    """Depth from which a vertex belongs to the front of the face."""
    crown_y: float


def part_mask(figure: Figure, part: str) -> Mask:
    """(V) whether a vertex belongs to that part of the body file."""
    return np.asarray(figure.extras.part == figure.extras.part_names.index(part))


def face_of(figure: Figure) -> Face:
    """Measure the landmarks on the eyeballs and the crown of the mesh."""
    eyes_E3 = figure.template[part_mask(figure, "eye")]
    return Face(
        eye_x=float(np.abs(eyes_E3[:, 0]).mean()),
        eye_y=float(eyes_E3[:, 1].mean()),
        front_z=float(eyes_E3[:, 2].max()) - 0.012,
        crown_y=float(figure.template[:, 1].max()),
    )


def regions_of(figure: Figure, look: Look, ragged_V: npt.NDArray[np.float64]) -> Regions:
    """Masks of what covers each vertex in this look; `ragged_V` (V) in [0, 1] frays the hairline."""
    x, y, z = figure.template.T
    torso, arm, leg, head = (part_mask(figure, part) for part in ("torso", "arm", "leg", "head"))
    neck_y = float(figure.rest_joints(np.zeros(10, np.float32))[SMPL_24.index("neck"), 1])
    throat = torso & (y > neck_y - 0.045) & (np.hypot(x, z - 0.02) < 0.075)
    return Regions(
        shirt=(torso & (y > HEM_M) & ~throat) | (arm & (np.abs(x) < look.sleeve_m)),
        trousers=(torso & (y <= HEM_M)) | (leg & (y > look.trouser_m)),
        shoes=part_mask(figure, "foot"),
        hair=head & (y > _hairline(face_of(figure), y, z, look.hairline_m) + 0.008 * (ragged_V - 0.5)),
        eyes=part_mask(figure, "eye"),
    )


def _hairline(
    face: Face, y: npt.NDArray[np.float32], z: npt.NDArray[np.float32], hairline_m: float
) -> npt.NDArray[np.float64]:
    """(V) height above which there is hair: high on the forehead, sinking behind the ears to the nape."""
    nape = face.eye_y - 0.095
    forward = np.clip((z - face.front_z + 0.15) / 0.1, 0, 1)
    forward = forward * forward * (3 - 2 * forward)
    side = nape * (1 - forward) + (face.crown_y - hairline_m - 0.012) * forward
    return np.asarray(np.where(z > face.front_z - 0.045, face.crown_y - hairline_m, side))
