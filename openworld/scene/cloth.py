"""Clothes and hair as thickness: the rest mesh pushed outward and smoothed. For drawing only, never for the truth."""

import numpy as np
import numpy.typing as npt
import scipy.sparse

from body.raster.kernels import Floats, vertex_normals
from openworld.scene.figure import Figure
from openworld.scene.look import Look
from openworld.scene.regions import Mask, Regions, regions_of

SHIRT_M, TROUSERS_M, HAIR_M, SHOES_M = 0.009, 0.008, 0.016, 0.007
"""Thickness of each (docs/films.md section C)."""
CALF_M, THIGH_END_M = 0.014, -0.3
"""Trousers hang wider below the thigh."""
SOLE_M = 0.006


def dress(figure: Figure, look: Look) -> Floats:
    """Displacement (V, 3) in metres of the rest mesh that turns the bare body into a roughly dressed one."""
    bare_V3 = figure.template
    regions = regions_of(figure, look, np.full(len(bare_V3), 0.5))
    spread = _neighbour_mean(figure.faces, len(bare_V3))
    thickness_V = _thickness(regions, bare_V3[:, 1])
    for _ in range(3):
        thickness_V = 0.5 * thickness_V + 0.5 * (spread @ thickness_V)
    worn_V3 = bare_V3 + vertex_normals(bare_V3, figure.faces) * thickness_V[:, None].astype(np.float32)
    worn_V3 = _smooth(worn_V3, spread, regions.shoes, regions.shirt | regions.trousers)
    soles_V1 = np.where(regions.shoes, SOLE_M, 0.0)[:, None]
    worn_V3 = worn_V3 + vertex_normals(np.ascontiguousarray(worn_V3, np.float32), figure.faces) * soles_V1
    return np.asarray(worn_V3 - bare_V3, np.float32)


def _thickness(regions: Regions, height_V: Floats) -> npt.NDArray[np.float64]:
    thickness_V = np.zeros(len(height_V))
    thickness_V[regions.shirt] = SHIRT_M
    thickness_V[regions.trousers] = TROUSERS_M
    thickness_V[regions.trousers & (height_V < THIGH_END_M)] = CALF_M
    thickness_V[regions.hair] = HAIR_M
    thickness_V[regions.shoes] = SHOES_M
    return thickness_V


def _neighbour_mean(faces: npt.NDArray[np.int32], vertices: int) -> scipy.sparse.csr_matrix:
    """(V, V) sparse matrix that takes the mean over each vertex's neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    touching = scipy.sparse.csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (vertices, vertices))
    touching.data[:] = 1
    degree = np.maximum(np.asarray(touching.sum(1)).ravel(), 1)
    return scipy.sparse.diags(1 / degree) @ touching


def _smooth(worn_V3: Floats, spread: scipy.sparse.csr_matrix, shoes: Mask, cloth: Mask) -> npt.NDArray[np.float64]:
    """Toes become shoes and muscles become cloth: both are pulled towards a smoothed copy of the mesh."""
    pull_V1 = np.where(shoes, 0.9, np.where(cloth, 0.6, 0.0))[:, None]
    smooth_V3 = worn_V3.astype(np.float64)
    for _ in range(25):
        smooth_V3 = (1 - pull_V1) * smooth_V3 + pull_V1 * (spread @ smooth_V3)
    share_V1 = np.where(shoes, 1.0, np.where(cloth, 0.45, 0.0))[:, None]
    return np.asarray(worn_V3 * (1 - share_V1) + smooth_V3 * share_V1)
