"""Which window is drawn n-th: a pure function of seed and n, so that a resumed run draws what it would have drawn."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


class Draws:
    """Every track once an epoch, in a fresh order, with a window that starts anywhere in it (paper.md 2.3)."""

    def __init__(self, lengths: Sequence[int], window: int, seed: int, salt: int) -> None:
        if not lengths or min(lengths) < window:
            raise ValueError(f"needs at least one track, and tracks of at least {window} frames")
        self._starts_N = np.asarray(lengths) - window + 1
        self._seed, self._salt = seed, salt
        self._epoch = lru_cache(maxsize=4)(self._draw_epoch)

    def pick(self, positions: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Track and first frame of the draws at these positions of the endless sequence."""
        picked = [self._one(position) for position in positions]
        tracks, firsts = np.array(picked, np.int64).reshape(-1, 2).T
        return tracks, firsts

    def _one(self, position: int) -> tuple[int, int]:
        epoch, index = divmod(position, len(self._starts_N))
        order_N, first_N = self._epoch(epoch)
        return int(order_N[index]), int(first_N[index])

    def _draw_epoch(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = np.random.default_rng([self._seed, self._salt, epoch])
        order_N = rng.permutation(len(self._starts_N))
        return order_N, (rng.random(len(order_N)) * self._starts_N[order_N]).astype(np.int64)
