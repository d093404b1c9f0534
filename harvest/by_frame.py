"""Numbers of a shot's frames in one growing array: a dict of them holds a frame in 300 bytes instead of 24."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class ByFrame(Generic[Scalar]):
    """A row of numbers for some frames n of a shot. Frames in between that have none cost as much."""

    def __init__(self, row: tuple[int, ...], dtype: type[Scalar]) -> None:
        """`row`: the shape of one frame's numbers."""
        self._rows: NDArray[Scalar] = np.zeros((0, *row), dtype)
        self._known = np.zeros(0, dtype=bool)
        self._first = 0

    def __setitem__(self, n: int, row: ArrayLike) -> None:
        """In any order, but the first one first: ValueError for a frame before it."""
        if not len(self._known):
            self._first = n
        if n < self._first:
            raise ValueError(f"frame {n} is before frame {self._first}")
        while n - self._first >= len(self._known):
            more = max(16, len(self._known) // 4)
            self._rows = np.concatenate([self._rows, np.zeros((more, *self._rows.shape[1:]), self._rows.dtype)])
            self._known = np.concatenate([self._known, np.zeros(more, dtype=bool)])
        self._rows[n - self._first] = row
        self._known[n - self._first] = True

    def between(self, first: int, stop: int) -> NDArray[Scalar]:
        """(stop - first, ...) a copy of the rows of these frames. KeyError if one has none."""
        low, high = first - self._first, stop - self._first
        known = self._known[max(low, 0) : high]
        if low < 0 or len(known) < high - low or not known.all():
            raise KeyError(f"frames {first} to {stop - 1} are not all known")
        return self._rows[low:high].copy()
