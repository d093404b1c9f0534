"""A stream's own clock: the PTS of every picture in its rational time base, the frame rate that they amount to, and
the frames that are kept of it.

Video above the working rate is thinned by PTS; slower video keeps every frame. Letter: F pictures of the file.
"""

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.packet_times import NoVideoStreamError, PacketTimes, VideoFileError, VideoTooLongError, read_packet_times
from harvest.errors import DecodeFailed, NoVideoStream, TooLong, TooSlow
from harvest.video.content import content_kind

_KNOWN_RATES = tuple(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120))
"""NTSC's, which a clock of milliseconds hides behind simpler fractions."""


@dataclass(frozen=True)
class Timing:
    """When each picture of a video is shown."""

    pts_F: NDArray[np.int64]
    """Ascending, one a decoded picture, in units of `time_base` seconds."""
    shown_F: NDArray[np.bool_]
    """False for pictures that an edit list cuts away."""
    time_base: Fraction

    @property
    def rate(self) -> Fraction:
        """Pictures a second. Constant steps (to a tick of the clock) give the simplest fraction that fits them all;
        a variable rate gives its mean."""
        return rate_of(self.pts_F[self.shown_F], self.time_base)

    @property
    def duration_s(self) -> float:
        """From the first shown picture to the end of the last, in seconds."""
        shown = self.pts_F[self.shown_F]
        if len(shown) == 0:
            return 0.0
        return float((int(shown[-1]) - int(shown[0])) * self.time_base + 1 / self.rate)


def read_packets(path: Path, item: str, *, limit_s: float = 120.0, max_seconds: float | None = None) -> PacketTimes:
    """The packets of a file's first video stream. Raises NoVideoStream, DecodeFailed, TooLong or TooSlow, which name
    `item`."""
    try:
        return read_packet_times(path, limit_s=limit_s, max_seconds=max_seconds)
    except subprocess.TimeoutExpired:
        raise TooSlow(item, f"reading its packets took more than {limit_s:.0f} s") from None
    except NoVideoStreamError as error:
        raise NoVideoStream(item, str(error)) from None
    except VideoTooLongError as error:
        raise TooLong(item, str(error)) from None
    except VideoFileError as error:
        if content_kind(path) == "photograph":
            raise DecodeFailed(item, "is a photograph; `hmmr predict` gives the 3D bodies of one") from None
        raise DecodeFailed(item, str(error)) from None


def rate_of(pts_F: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """The rate of pictures shown at these ticks; 1 for a single picture. The denominator is at most 1001, or a million
    for less than a picture in 2,000 s."""
    span, n_steps = int(pts_F[-1] - pts_F[0]) if len(pts_F) else 0, len(pts_F) - 1
    if span <= 0:
        return Fraction(1)
    if (np.diff(pts_F) == pts_F[1] - pts_F[0]).all():
        return _simple(n_steps / (span * time_base))
    even = np.round(np.arange(len(pts_F)) * (span / n_steps)).astype(np.int64)
    if np.abs(pts_F - pts_F[0] - even).max() > 1:
        return _simple(n_steps / (span * time_base))
    fastest = n_steps / (Fraction(2 * span - 1, 2) * time_base)
    slowest = n_steps / (Fraction(2 * span + 1, 2) * time_base)
    known = [rate for rate in _KNOWN_RATES if slowest <= rate <= fastest]
    return known[0] if known else simplest_between(slowest, fastest)


def _simple(rate: Fraction) -> Fraction:
    """The nearest fraction with a small denominator that is not 0."""
    smallest = Fraction(1, 10**6)
    return rate.limit_denominator(1001) or max(rate, smallest).limit_denominator(10**6)


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high], 0 < low <= high (Stern-Brocot)."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    floor = whole - 1
    return floor + 1 / simplest_between(1 / (high - floor), 1 / (low - floor))


Sections = tuple[tuple[float, float], ...]
"""(start, end) in seconds from the first shown picture; empty: the whole video."""


def keep_mask(timing: Timing, max_fps: Fraction, sections_s: Sections = ()) -> NDArray[np.bool_]:
    """(F) True for the first shown frame of each slot of 1 / max_fps seconds, inside the sections if there are any.

    A slot is centred on its nominal time, so that a clock rounded to milliseconds loses no frame of 25 fps video.
    """
    slots, inside = slots_of(timing, max_fps), inside_mask(timing, sections_s)
    shown = np.flatnonzero(timing.shown_F)
    keep = np.zeros(len(timing.pts_F), dtype=bool)
    keep[shown[np.flatnonzero(np.diff(slots[shown], prepend=-(2**62)))]] = True
    return keep & inside


def slots_of(timing: Timing, max_fps: Fraction) -> NDArray[np.int64]:
    """(F) the number of the slot of 1 / max_fps seconds that a picture lies in; 0 is that of the first shown one."""
    if not timing.shown_F.any():
        return np.zeros(len(timing.pts_F), np.int64)
    return _slots(timing.pts_F - timing.pts_F[timing.shown_F][0], timing.time_base * max_fps)


def inside_mask(timing: Timing, sections_s: Sections) -> NDArray[np.bool_]:
    """(F) whether a picture lies in one of the sections."""
    if not sections_s or not timing.shown_F.any():
        return timing.shown_F.copy()
    seconds = (timing.pts_F - timing.pts_F[timing.shown_F][0]) * float(timing.time_base)
    inside_F: NDArray[np.bool_] = np.any([(seconds >= start) & (seconds < end) for start, end in sections_s], axis=0)
    return timing.shown_F & inside_F


def _slots(ticks: NDArray[np.int64], slots_per_tick: Fraction) -> NDArray[np.int64]:
    """floor(ticks * slots_per_tick + 1/2), in integers while they fit."""
    num, den = slots_per_tick.numerator, slots_per_tick.denominator
    if int(np.abs(ticks).max()) * num * 2 + den < 2**63:
        return (ticks * (2 * num) + den) // (2 * den)
    return np.array([int(tick * slots_per_tick + Fraction(1, 2)) for tick in ticks.tolist()], dtype=np.int64)


def working_rate(timing: Timing, keep_F: NDArray[np.bool_], max_fps: Fraction) -> Fraction:
    """Frames a second that a tracklet of this video has: the video's own, max_fps where frames were thinned out.

    Variable rate: what was kept, over the time that it took.
    """
    thinned = int(keep_F.sum()) < int(timing.shown_F.sum())
    rate = rate_of(timing.pts_F[keep_F], timing.time_base) if thinned else timing.rate
    return max_fps if timing.rate > max_fps and abs(rate / max_fps - 1) < Fraction(1, 20) else min(rate, max_fps)
