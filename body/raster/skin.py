"""A posed body's vertices for drawing: linear blend skinning over the non-zero weights only, compiled by numba.

Shapes: T frames, J joints (24), V vertices, N non-zero weights. Metres, body frame. Agrees with BodyModel for a
body without pose correctives (tests/body/raster/test_skin.py); training never comes here.
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse

from body.raster.jit import compiled
from body.raster.kernels import Floats, Ints


def skin_transforms(turned: npt.ArrayLike, placed: npt.ArrayLike, rest: npt.ArrayLike) -> Floats:
    """Maps (T, J, 3, 4) from the rest pose to the posed body.

    turned (T, J, 3, 3) and placed (T, J, 3) are the joints' world rotations and positions as KinematicTree gives
    them; rest (J, 3) their positions in the shaped body at rest.
    """
    turned_TJ33 = np.asarray(turned, np.float32)
    moved_TJ3 = np.asarray(placed, np.float32) - (turned_TJ33 @ np.asarray(rest, np.float32)[..., None])[..., 0]
    return np.concatenate([turned_TJ33, moved_TJ3[..., None]], -1)


@compiled
def _blend(rest_V3: Floats, starts: Ints, owners: Ints, weights: Floats, transforms_J34: Floats) -> Floats:
    posed = np.empty_like(rest_V3)
    for v in range(rest_V3.shape[0]):
        x, y, z = rest_V3[v, 0], rest_V3[v, 1], rest_V3[v, 2]
        px = py = pz = np.float32(0)
        for n in range(starts[v], starts[v + 1]):
            m, w = transforms_J34[owners[n]], weights[n]
            px += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
            py += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
            pz += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        posed[v, 0], posed[v, 1], posed[v, 2] = px, py, pz
    return posed


class Skin:
    """Skinning weights of one body, kept sparse: most vertices follow two or three of the 24 joints."""

    def __init__(self, weights: npt.ArrayLike) -> None:
        """`weights` (V, J), rows that sum to 1."""
        sparse = scipy.sparse.csr_matrix(np.asarray(weights, np.float32))
        self._starts = sparse.indptr.astype(np.int32)
        self._owners = sparse.indices.astype(np.int32)
        self._weights = sparse.data.astype(np.float32)

    def pose(self, rest: Floats, transforms: Floats) -> Floats:
        """Vertices (V, 3) of one frame: `rest` (V, 3) the shaped body, `transforms` (J, 3, 4) of that frame."""
        return _blend(
            np.ascontiguousarray(rest, np.float32), self._starts, self._owners, self._weights,
            np.ascontiguousarray(transforms, np.float32),
        )  # fmt: skip
