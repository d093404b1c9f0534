"""A video file as frames: decoded once, in order, in bounded memory, each with its own PTS.

The packets list the expected pictures and their times in the stream's rational time base; the decoder gives those that
could be decoded. A decoded picture is paired with its packet by its PTS, never by counting, so a damaged picture leaves
a gap and moves no other. Video above the working rate is thinned by PTS; slower video keeps every frame. ffmpeg drops
the pictures that thinning would drop, since converting a picture to RGB costs as much as decoding it.
Letters: F pictures of the file, H height, W width. Frames are RGB uint8 (H, W, 3): upright, with square pixels,
interlaced ones made whole.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.pictures import (
    NoVideoStreamError,
    PacketTimes,
    PictureConfig,
    Pictures,
    VideoFileError,
    VideoTooLongError,
    read_packet_times,
)
from harvest.errors import DecodeFailed, HarvestError, NoVideoStream, TooLong, TooManyPixels, TooSlow
from harvest.video.content import content_kind

_KNOWN_RATES = tuple(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120))
"""NTSC rates. With time stamps in milliseconds, simpler fractions fit as well as these."""


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


_MOST_LOST = 0.5
"""Largest share of a file's pictures that may be lost; above it, decoding fails."""
_EXACT = 1 << 53
"""Integers up to here are exact in ffmpeg's expressions."""


@dataclass(frozen=True)
class Frame:
    """One picture. `index` counts the pictures of the file, before thinning."""

    index: int
    pts: int
    pixels_HW3: NDArray[np.uint8]


@dataclass(frozen=True)
class DecodeConfig:
    """What is decoded, and how large."""

    max_fps: Fraction = Fraction(25)
    """The working rate: HMMR's (docs/paper.md). Slower video keeps its own."""
    max_side: int = 1920
    """Larger pictures are scaled down while they are decoded: 4K frames would be most of the memory."""
    threads: int = 1


class Video:
    """An opened file: its clock, size and working rate, then its frames, once."""

    def __init__(
        self, path: Path, item: str, config: DecodeConfig, *, max_pixels: int, max_seconds: float,
        sections_s: Sections = (),
    ) -> None:  # fmt: skip
        """Raises NoVideoStream, DecodeFailed, TooManyPixels, TooLong or TooSlow."""
        self._item, self._in_part = item, bool(sections_s)
        packets = read_packets(path, item, max_seconds=None if sections_s else max_seconds)
        self._packets = packets
        self.timing = Timing(packets.pts_F, packets.shown_F, packets.time_base)
        self.n_frames = len(packets.pts_F)
        if not sections_s and self.timing.duration_s > max_seconds:
            raise TooLong(item, f"{self.timing.duration_s:.0f} s, the limit is {max_seconds:.0f} s")
        self.inside_F = inside_mask(self.timing, sections_s)
        """Shown pictures in the sections that the source names, or all that are shown."""
        self.keep_F = keep_mask(self.timing, config.max_fps, sections_s)
        self.lost_F = np.zeros(self.n_frames, dtype=bool)
        """Pictures of `inside_F` that could not be decoded; known when all frames have been read."""
        self.working_rate = working_rate(self.timing, self.keep_F, config.max_fps)
        self._slot_F = slots_of(self.timing, config.max_fps)
        width, height = packets.coded
        if width * height * max(Fraction(1), packets.pixel_shape) > max_pixels:
            raise TooManyPixels(item, f"frames are {width} x {height}, the limit is {max_pixels} pixels")
        self._pictures = Pictures(path, PictureConfig(
            max_side=config.max_side, threads=config.threads, cpu_s=cpu_limit_s(packets),
            interlaced=packets.interlaced, time_base=packets.time_base, select=self._select(config.max_fps),
        ))  # fmt: skip
        if self._pictures.size is None:
            raise self._ended(0)
        self.height, self.width = self._pictures.size

    def frames(self) -> Iterator[Frame]:
        """The frames that the working rate keeps, in order, once. Raises DecodeFailed if most cannot be decoded, and
        TooSlow if that takes too long."""
        pictures, places = self._pictures.timed(), Places(self._packets)
        wanted_F = self.inside_F & np.isin(self._slot_F, self._slot_F[self.keep_F])
        last = int(np.flatnonzero(self.keep_F)[-1]) if self.keep_F.any() else -1
        stop = last if self._in_part else self.n_frames
        slot: int | None = None
        for pts, pixels in pictures:
            index = places.find(pts)
            if index is not None and wanted_F[index] and self._slot_F[index] != slot:
                slot = int(self._slot_F[index])  # by its first picture that could be decoded
                yield Frame(index, int(self._packets.pts_F[index]), pixels)
            if index is not None and index >= stop:
                break
        self._pictures.close()
        self._count_lost(stop)

    def _count_lost(self, until: int) -> None:
        """Which pictures the decoder never gave; those after `until` were not asked for."""
        places, seen_F = Places(self._packets), np.zeros(self.n_frames, dtype=bool)
        for pts in self._pictures.decoded_pts():
            index = places.find(pts)
            if index is not None:
                seen_F[index] = True
        self.lost_F = self.inside_F & ~seen_F
        self.lost_F[until + 1 :] = False
        lost, wanted = int(self.lost_F.sum()), int(self.inside_F.sum())
        if lost > _MOST_LOST * wanted:
            raise self._ended(int(np.flatnonzero(self.lost_F)[0]), f"{lost} of {wanted} pictures are lost")

    def _ended(self, index: int, why: str = "") -> HarvestError:
        self._pictures.close()
        complaint = "; ".join(part for part in (why, self._pictures.complaint) if part) or "no more pictures"
        if self._pictures.was_killed and not self._pictures.complaint:
            return TooSlow(self._item, f"decoding frame {index} of {self.n_frames} took too much time or memory")
        return DecodeFailed(
            self._item, f"cannot be decoded at frame {index} of {self.n_frames}, it may be cut off: {complaint}"
        )

    def _select(self, max_fps: Fraction) -> str:
        """The same choice as an expression of ffmpeg's select filter: pictures in the sections whose slot differs from
        that of the picture selected before. It may select more pictures than `frames` yields, never fewer."""
        packets, keep = self._packets, np.flatnonzero(self.keep_F)
        if not len(keep) or packets.stretch_F[-1] > 0:  # a clock that restarts has slots of its own
            return ""
        start = int(packets.pts_F[packets.shown_F][0])
        per_tick = packets.time_base * max_fps
        num, den = 2 * per_tick.numerator, 2 * per_tick.denominator
        if int(np.abs(packets.pts_F).max() + abs(start)) * num + den >= _EXACT:
            return ""
        slot = f"floor(((%s-{start})*{num}+{den // 2})/{den})"
        new_slot = f"isnan(prev_selected_pts)+not(eq({slot % 'pts'},{slot % 'prev_selected_pts'}))"
        if self._in_part:
            return f"between(pts,{packets.pts_F[keep[0]]},{packets.pts_F[keep[-1]]})*({new_slot})"
        return new_slot


class Places:
    """Tells which picture of the list of packets a decoded picture is, by its own PTS. Ask in the order of decoding."""

    def __init__(self, packets: PacketTimes) -> None:
        self._pts_F = packets.stream_pts_F
        edges = np.flatnonzero(np.diff(packets.stretch_F)) + 1
        self._edges = [0, *edges.tolist(), len(self._pts_F)]
        self._stretch = self._next = 0

    def find(self, pts: int | None) -> int | None:
        """The index of the picture with this PTS; else of the next picture that is left; None if none is left."""
        if pts is None:
            return None
        for stretch in range(self._stretch, len(self._edges) - 1):
            index, stop = self._at_or_after(pts, stretch), self._edges[stretch + 1]
            if index < stop and self._pts_F[index] == pts:
                self._stretch, self._next = stretch, index + 1
                return index
        index = self._at_or_after(pts, self._stretch)
        if index >= self._edges[self._stretch + 1] or (self._next and pts <= self._pts_F[self._next - 1]):
            return None
        self._next = index + 1
        return index

    def _at_or_after(self, pts: int, stretch: int) -> int:
        start, stop = self._edges[stretch], self._edges[stretch + 1]
        return max(self._next, start + int(np.searchsorted(self._pts_F[start:stop], pts)))


def cpu_limit_s(packets: PacketTimes) -> float:
    """Processor seconds that decoding may take: a minute, and ten times what H.264 of that size takes here."""
    megapixels = packets.coded[0] * packets.coded[1] / 1e6
    return 60 + len(packets.pts_F) * (0.02 + 0.1 * megapixels)
