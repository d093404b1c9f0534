"""Stretches in which the picture stands still although the video runs on: a paused stream, a photograph, a last frame
held for its narrator. Somebody who only stands still moves pixels; here none moves, and no motion can be learned.

Letters: N frames of a shot.
"""

import numpy as np
from numpy.typing import NDArray

SAME_LEVELS = 3
"""Of 255, in the cell of the picture that changed most (shots.py). Clips frozen by ffmpeg and encoded by x264 (crf 23
and 35), MPEG-4 and VP9: half of the frames at 2 or less; where people move, 19 of 20 above 22 (docs/LOG.md)."""
KEY_FRAMES = 2
"""Between two frozen stretches so many frames may differ: an encoder's new key frame draws the same picture anew."""


def frozen_frames(change_N: NDArray[np.floating], rate: float, seconds: float) -> NDArray[np.bool_]:
    """(N) which frames belong to a stretch of at least `seconds` that repeats the picture before it. `change_N` is how
    much each differs from the frame before. Pictures shown twice or five times (slow video in a fast file) are none."""
    shortest = max(2, int(np.ceil(seconds * rate)))
    frozen_N = np.zeros(len(change_N), dtype=bool)
    last = -1
    for start, stop in _stretches(np.asarray(change_N) <= SAME_LEVELS):
        if stop - start >= shortest:
            frozen_N[last if 0 <= start - last <= KEY_FRAMES and last >= 0 else start : stop] = True
            last = stop
    return frozen_N


def _stretches(same_N: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same_N, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
