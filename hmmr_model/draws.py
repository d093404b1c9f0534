"""Which window is drawn n-th: a pure function of seed and n, so that a resumed run draws what it would have drawn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Draws:
    """Every track once an epoch, in a fresh order, with a window that starts anywhere in it (paper.md 2.3)."""

    def __init__(self, lengths: Sequence[int], window: int, seed: int, salt: int) -> None:
        if not lengths or min(lengths) < window:
            raise ValueError(f"needs at least one track, and tracks of at least {window} frames")
        self._starts_N = np.asarray(lengths) - window + 1
        self._seed, self._salt = seed, salt
        self._epoch, self._order, self._first = -1, np.empty(0, np.int64), np.empty(0, np.int64)

    def pick(self, positions: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Track and first frame of the draws at these positions of the endless sequence."""
        picked = [self._one(position) for position in positions]
        tracks, firsts = np.array(picked, np.int64).reshape(-1, 2).T
        return tracks, firsts

    def _one(self, position: int) -> tuple[int, int]:
        epoch, index = divmod(position, len(self._starts_N))
        if epoch != self._epoch:
            self._enter(epoch)
        return int(self._order[index]), int(self._first[index])

    def _enter(self, epoch: int) -> None:
        rng = np.random.default_rng([self._seed, self._salt, epoch])
        self._order = rng.permutation(len(self._starts_N))
        self._first = (rng.random(len(self._order)) * self._starts_N[self._order]).astype(np.int64)
        self._epoch = epoch
