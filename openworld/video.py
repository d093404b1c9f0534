"""The time stamps that a reader will see in a film of ours."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from body.packet_times import read_packet_times

LEAST_TIMESCALE = 10_000
"""ffmpeg's MP4 writer doubles the frame rate until it has at least so many units a second (libavformat/movenc.c)."""


def time_base(fps: int) -> Fraction:
    """Seconds of one unit of pts in an MP4 that ffmpeg wrote at a whole number of frames a second."""
    units = fps
    while units < LEAST_TIMESCALE:
        units *= 2
    return Fraction(1, units)


def read_pts(path: Path, fps: int) -> npt.NDArray[np.int64]:
    """The time stamps (F) of a film of ours, in units of `time_base(fps)`."""
    times = read_packet_times(path)
    scale = times.time_base / time_base(fps)
    return np.array([round(int(pts) * scale) for pts in times.pts_F[times.shown_F]], np.int64)
