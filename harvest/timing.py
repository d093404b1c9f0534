"""A stream's own clock: the PTS of every picture in its rational time base, without decoding one.

The exact times come from ffmpeg's `framecrc` of the copied packets, one line a packet: decord rounds them to 32-bit
floats. Decoders put pictures out in the order of their PTS, so the sorted list is the list of frames.
"""

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.mp4 import ffmpeg_program
from harvest.errors import DecodeFailed, NoVideoStream, TooSlow

_KNOWN_RATES = tuple(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120))
"""NTSC's, which a clock of milliseconds hides behind simpler fractions."""

_DISCARD = 0x4
"""AV_PKT_FLAG_DISCARD: decoded for others' sake, cut away by an edit list."""


@dataclass(frozen=True)
class Timing:
    """When each picture of a video is shown."""

    pts_F: NDArray[np.int64]
    """Ascending, one a decoded picture, in units of `time_base` seconds."""
    shown_F: NDArray[np.bool_]
    """False for pictures that an edit list cuts away."""
    time_base: Fraction
    coded: tuple[int, int] = (0, 0)
    """Width and height of the coded pictures, before any rotation."""

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


def read_timing(path: Path, item: str, *, limit_s: float = 300.0) -> Timing:
    """The timing of a file's first video stream. Raises NoVideoStream, DecodeFailed or TooSlow."""
    command = [ffmpeg_program(), "-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-copyts", "-i",
               f"file:{path}", "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "-"]  # fmt: skip
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise TooSlow(item, f"reading its packets took more than {limit_s:.0f} s") from None
    if "matches no streams" in run.stderr:
        raise NoVideoStream(item, "holds no video stream (audio only, or cut off?)")
    timing = _parse(run.stdout)
    if timing is None or run.returncode != 0:
        raise DecodeFailed(item, f"is not a video that ffmpeg can read: {_first_line(run.stderr)}")
    return timing


def rate_of(pts_F: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """The rate of pictures shown at these ticks; 1 for a single picture. The denominator is at most 1001."""
    span, n_steps = int(pts_F[-1] - pts_F[0]) if len(pts_F) else 0, len(pts_F) - 1
    if span <= 0:
        return Fraction(1)
    if (np.diff(pts_F) == pts_F[1] - pts_F[0]).all():
        return (n_steps / (span * time_base)).limit_denominator(1001)
    even = np.round(np.arange(len(pts_F)) * (span / n_steps)).astype(np.int64)
    if np.abs(pts_F - pts_F[0] - even).max() > 1:
        return (n_steps / (span * time_base)).limit_denominator(1001)
    fastest = n_steps / (Fraction(2 * span - 1, 2) * time_base)
    slowest = n_steps / (Fraction(2 * span + 1, 2) * time_base)
    known = [rate for rate in _KNOWN_RATES if slowest <= rate <= fastest]
    return known[0] if known else simplest_between(slowest, fastest)


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high], 0 < low <= high (Stern-Brocot)."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    floor = whole - 1
    return floor + 1 / simplest_between(1 / (high - floor), 1 / (low - floor))


def _parse(text: str) -> Timing | None:
    base = re.search(r"^#tb 0: (\d+)/(\d+)$", text, re.M)
    rows = re.findall(r"^0,\s*(-?\d+),\s*(-?\d+),\s*\d+,\s*\d+, 0x[0-9a-f]+(?:, F=(0x[0-9a-fA-F]+))?", text, re.M)
    if not base or not rows:
        return None
    pts = np.array([int(row[1]) for row in rows], dtype=np.int64)
    shown = np.array([not (int(row[2] or "0", 16) & _DISCARD) for row in rows])
    order = np.argsort(pts, kind="stable")
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)$", text, re.M)
    coded = (int(size[1]), int(size[2])) if size else (0, 0)
    return Timing(pts[order], shown[order], Fraction(int(base[1]), int(base[2])), coded)


def _first_line(stderr: str) -> str:
    lines = [re.sub(r"^\[[^]]*\]\s*", "", line).strip() for line in stderr.splitlines()]
    return next((line for line in lines if line), "no picture in it")[:200]
