"""Joint centres as sparse convex sums of nearby skin vertices, found by non-negative least squares.

Legend: N shapes, V vertices, J = 24 joints, C candidate vertices.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from body.joints import SMPL_24, mirror_permutation

Array = npt.NDArray[np.float64]

CANDIDATES = 500
FITTED_SHAPES = 40
SUM_WEIGHT = 3.0
"""Weight of the row that asks for a sum of one; metres in the other rows are near 0.1."""


def joint_regressor(
    vertices_NV3: Array, joints_NJ3: Array, allowed_V: npt.NDArray[np.bool_], mirror_V: npt.NDArray[np.int64]
) -> Array:
    """Regressor (24, V), rows sum to one, symmetric: right joints are the mirror of the fitted left ones."""
    mirror_J = np.array(mirror_permutation(SMPL_24))
    regressor_JV = np.zeros((len(SMPL_24), vertices_NV3.shape[1]))
    for j, name in enumerate(SMPL_24):
        if not name.startswith("right_"):
            regressor_JV[j] = _fit(vertices_NV3, joints_NJ3[:, j], allowed_V, np.random.default_rng(j))
    right = mirror_J < np.arange(len(SMPL_24))
    regressor_JV[right] = regressor_JV[mirror_J[right]][:, mirror_V]
    central = mirror_J == np.arange(len(SMPL_24))
    regressor_JV[central] = 0.5 * (regressor_JV[central] + regressor_JV[central][:, mirror_V])
    return regressor_JV


def _fit(
    vertices_NV3: Array, joint_N3: Array, allowed_V: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Weights w (V) >= 0, sum 1, with w @ vertices near the joint on the mean shape and on sampled shapes."""
    mean_V3, mean_3 = vertices_NV3.mean(0), joint_N3.mean(0)
    chosen_C = _candidates(np.linalg.norm(mean_V3 - mean_3, axis=1), allowed_V, rng)
    shapes = rng.permutation(len(vertices_NV3))[:FITTED_SHAPES]
    rows = [mean_V3[chosen_C].T - mean_3[:, None]]
    rows += [vertices_NV3[n][chosen_C].T - joint_N3[n][:, None] for n in shapes]
    A = np.concatenate([*rows, np.full((1, len(chosen_C)), SUM_WEIGHT)])
    b = np.zeros(len(A))
    b[-1] = SUM_WEIGHT
    w_C, _ = nnls(A, b)
    w_V = np.zeros(len(mean_V3))
    w_V[chosen_C] = w_C / w_C.sum()
    return w_V


def _candidates(distance_V: Array, allowed_V: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Vertices within 1.9 times the distance of the 150th nearest (at least 9 cm): a shell all round the joint."""
    distance_V = np.where(allowed_V, distance_V, np.inf)
    radius = max(np.sort(distance_V)[150] * 1.9, 0.09)
    return rng.permutation(np.where(distance_V < radius)[0])[:CANDIDATES]
