"""The time stamps that a reader will see in a film of ours."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

LEAST_TIMESCALE = 10_000
"""ffmpeg's MP4 writer doubles the frame rate until it has at least so many units a second (libavformat/movenc.c)."""


def time_base(fps: int) -> Fraction:
    """Seconds of one unit of pts in an MP4 that ffmpeg wrote at a whole number of frames a second."""
    units = fps
    while units < LEAST_TIMESCALE:
        units *= 2
    return Fraction(1, units)


def read_pts(path: Path, fps: int) -> npt.NDArray[np.int64]:
    """The time stamps (F) that decord returns for a film of ours, in units of `time_base(fps)`."""
    import decord

    reader = decord.VideoReader(str(path), num_threads=1)
    start_s = np.asarray(reader.get_frame_timestamp(list(range(len(reader)))), np.float64)[:, 0]
    return np.round(start_s / float(time_base(fps))).astype(np.int64)
