"""A box in the foreground, for people to walk behind."""

from itertools import product

import numpy as np
import numpy.typing as npt

from body.raster_kernels import Floats, Ints


def box_mesh(box_6: npt.NDArray[np.float64]) -> tuple[Floats, Ints]:
    """Vertices (24, 3) and outward faces (12, 3) of a box given by its lowest and highest x, y, z.

    Each side has corners of its own, so that the edges are shaded as edges.
    """
    corners: list[npt.NDArray[np.float64]] = []
    faces: list[list[int]] = []
    for axis, end in product(range(3), (0, 3)):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        first = len(corners)
        for along, across in ((0, 0), (3, 0), (3, 3), (0, 3)):
            corner = np.empty(3)
            corner[[axis, one, other]] = box_6[axis + end], box_6[one + along], box_6[other + across]
            corners.append(corner)
        square = [[first, first + 1, first + 2], [first, first + 2, first + 3]]
        faces += square if end else [triangle[::-1] for triangle in square]
    return np.array(corners, np.float32), np.array(faces, np.int32)
