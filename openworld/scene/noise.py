"""Value noise: smooth random values in space, for skin, cloth, walls and floors. Compiled by numba."""

import numpy as np
import numpy.typing as npt

from body.raster.jit import compiled

_WORD = 0xFFFFFFFF


@compiled
def lattice(x: int, y: int, z: int, seed: int) -> float:
    """A value in [0, 1) for a whole-numbered point: an integer hash, the same everywhere."""
    word = (x * 374761393 + y * 668265263 + z * 2147483647 + seed * 1442695041) & _WORD
    word = ((word ^ (word >> 13)) * 1274126177) & _WORD
    return float((word ^ (word >> 16)) & 0xFFFF) / 65536.0


@compiled
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """Lattice values blended smoothly between whole numbers: in [0, 1), features about one unit wide."""
    i, j, k = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                share = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                total += share * lattice(int(i) + a, int(j) + b, int(k) + c, seed)
    return total


@compiled
def noise_at(points_N3: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """Value noise (N) at points (N, 3)."""
    values = np.empty(points_N3.shape[0])
    for n in range(points_N3.shape[0]):
        values[n] = value_noise(points_N3[n, 0], points_N3[n, 1], points_N3[n, 2], seed)
    return values
