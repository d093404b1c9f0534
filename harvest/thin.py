"""Which frames to keep: at most the working rate, chosen by PTS; slower video keeps every frame."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harvest.video.timing import Timing, rate_of


def keep_mask(timing: Timing, max_fps: Fraction, sections_s: tuple[tuple[float, float], ...] = ()) -> NDArray[np.bool_]:
    """(F) True for the first shown frame of each slot of 1 / max_fps seconds, inside the sections if there are any.

    A slot is centred on its nominal time, so that a clock rounded to milliseconds loses no frame of 25 fps video.
    """
    shown = np.flatnonzero(timing.shown_F)
    keep = np.zeros(len(timing.pts_F), dtype=bool)
    if len(shown) == 0:
        return keep
    pts = timing.pts_F[shown]
    slots = _slots(pts - pts[0], timing.time_base * max_fps)
    first = np.concatenate([[True], np.diff(slots) > 0])
    keep[shown[first]] = True
    if sections_s:
        seconds = (timing.pts_F - pts[0]) * float(timing.time_base)
        keep &= np.any([(seconds >= start) & (seconds < end) for start, end in sections_s], axis=0)
    return keep


def _slots(ticks: NDArray[np.int64], slots_per_tick: Fraction) -> NDArray[np.int64]:
    """floor(ticks * slots_per_tick + 1/2), in integers while they fit."""
    num, den = slots_per_tick.numerator, slots_per_tick.denominator
    if int(ticks[-1]) * num * 2 + den < 2**63:
        return (ticks * (2 * num) + den) // (2 * den)
    return np.array([int(tick * slots_per_tick + Fraction(1, 2)) for tick in ticks.tolist()], dtype=np.int64)


def working_rate(timing: Timing, keep_F: NDArray[np.bool_], max_fps: Fraction) -> Fraction:
    """Frames a second that a tracklet of this video has: the video's own, max_fps where frames were thinned out.

    Variable rate: what was kept, over the time that it took.
    """
    thinned = int(keep_F.sum()) < int(timing.shown_F.sum())
    rate = rate_of(timing.pts_F[keep_F], timing.time_base) if thinned else timing.rate
    return max_fps if timing.rate > max_fps and abs(rate / max_fps - 1) < Fraction(1, 20) else min(rate, max_fps)
