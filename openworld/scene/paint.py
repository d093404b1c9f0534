"""Colours on the body: skin, face, hair and clothes, as one linear RGB value a vertex.

A detector trained on photographs finds uniform grey bodies in 41 % of frames and dressed ones with faces in 95 %
(docs/films.md section D): contrast between skin, hair and clothes, and a face, are what it needs.
"""

import numpy as np
import numpy.typing as npt

from body.raster.kernels import Floats
from openworld.scene.figure import Figure
from openworld.scene.look import Look
from openworld.scene.noise import noise_at
from openworld.scene.regions import Face, Regions, face_of, part_mask, regions_of

_Colours = npt.NDArray[np.float64]


def paint(figure: Figure, look: Look) -> Floats:
    """Albedo (V, 3) of a dressed person."""
    points_V3 = figure.template.astype(np.float64)
    seed = look.noise_seed
    colours_V3 = np.asarray(look.skin) * (0.93 + 0.14 * noise_at(points_V3 * 60, seed))[:, None]
    face, regions = face_of(figure), regions_of(figure, look, noise_at(points_V3 * 45, seed))
    _paint_face(colours_V3, points_V3, face, part_mask(figure, "head"), look)
    strands_V = noise_at(points_V3 * np.array([160, 25, 60]), seed)
    colours_V3[regions.hair] = np.asarray(look.hair) * (0.55 + 0.8 * strands_V[regions.hair, None])
    _paint_eyes(colours_V3, points_V3, face, regions)
    folds_V1 = 0.85 + 0.3 * noise_at(points_V3 * np.array([25, 18, 25]), seed)[:, None]
    _paint_clothes(colours_V3, points_V3, regions, look, folds_V1)
    return np.clip(colours_V3, 0, 1).astype(np.float32)


def _paint_face(colours_V3: _Colours, points_V3: _Colours, face: Face, head: npt.NDArray[np.bool_], look: Look) -> None:
    """Cheeks, lips and brows."""
    x, y, z = points_V3.T
    mouth_y = face.eye_y - 0.068
    blush_V1 = (np.clip(1 - np.hypot(np.abs(x) - 0.04, y - mouth_y - 0.03) / 0.03, 0, 1) * head)[:, None]
    colours_V3 *= 1 - blush_V1 * np.array([-0.06, 0.1, 0.12])
    lips = head & (z > face.front_z) & (np.hypot(x / 0.026, (y - mouth_y) / 0.0085) < 1)
    colours_V3[lips] = np.array([0.62, 0.27, 0.25]) * (0.25 + 0.75 * np.asarray(look.skin) / 0.74)
    along, across = (np.abs(x) - face.eye_x) / 0.021, y - face.eye_y - 0.022
    brows = head & (z > face.front_z - 0.03) & (along**2 < 1) & (((across + 0.002 * along**2) / 0.0045) ** 2 < 1)
    colours_V3[brows] = np.asarray(look.hair) * 0.7


def _paint_eyes(colours_V3: _Colours, points_V3: _Colours, face: Face, regions: Regions) -> None:
    """White, iris and pupil."""
    from_pupil = np.hypot(np.abs(points_V3[:, 0]) - face.eye_x, points_V3[:, 1] - face.eye_y)
    colours_V3[regions.eyes] = (0.9, 0.89, 0.87)
    colours_V3[regions.eyes & (from_pupil < 0.0065)] = (0.25, 0.16, 0.08)
    colours_V3[regions.eyes & (from_pupil < 0.003)] = 0.02


def _paint_clothes(
    colours_V3: _Colours, points_V3: _Colours, regions: Regions, look: Look, folds_V1: npt.NDArray[np.float64]
) -> None:
    colours_V3[regions.shoes] = np.asarray(look.shoes) * folds_V1[regions.shoes]
    sole = regions.shoes & (points_V3[:, 1] < points_V3[:, 1].min() + 0.02)
    colours_V3[sole] = 0.75
    colours_V3[regions.trousers] = np.asarray(look.trousers) * folds_V1[regions.trousers]
    colours_V3[regions.shirt] = np.asarray(look.shirt) * folds_V1[regions.shirt]
    printed = regions.shirt & _printed(points_V3, look)
    colours_V3[printed] = np.asarray(look.shirt_two) * folds_V1[printed]


def _printed(points_V3: _Colours, look: Look) -> npt.NDArray[np.bool_]:
    """(V) where a shirt's second colour lies."""
    if look.pattern == "stripes":
        return np.asarray((points_V3[:, 1] * 14) % 1 > 0.5)
    if look.pattern == "blotches":
        return np.asarray(noise_at(points_V3 * 22, look.noise_seed + 1) > 0.55)
    return np.zeros(len(points_V3), bool)
