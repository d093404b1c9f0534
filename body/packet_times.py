"""When each picture of a video is shown, in the stream's own rational time base, without decoding one.

The exact times come from ffmpeg's `framecrc` of the copied packets, one line a packet. Decoders put pictures out in the
order of their PTS, so the sorted list is the list of frames. F packets.
"""

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.mp4 import ffmpeg_program

_NO_PTS = -(2**63)
"""AV_NOPTS_VALUE: an MPEG program stream need not say the time of each picture; `genpts` fills in what follows."""
_DISCARD = 0x4
"""AV_PKT_FLAG_DISCARD: decoded for others' sake, cut away by an edit list."""


class VideoFileError(ValueError):
    """The file is no video that ffmpeg can read; the message says what ffmpeg says."""


class NoVideoStreamError(VideoFileError):
    """A media file without pictures."""


@dataclass(frozen=True)
class PacketTimes:
    """Of the first video stream."""

    pts_F: NDArray[np.int64]
    """Ascending, one a decoded picture, in units of `time_base` seconds."""
    shown_F: NDArray[np.bool_]
    """False for pictures that an edit list cuts away."""
    time_base: Fraction
    coded: tuple[int, int]
    """Width and height of the coded pictures, before any rotation."""


def read_packet_times(path: Path, *, limit_s: float = 300.0) -> PacketTimes:
    """Raises VideoFileError, or subprocess.TimeoutExpired after `limit_s`."""
    command = [ffmpeg_program(), "-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-fflags", "+genpts",
               "-copyts", "-i", f"file:{path}", "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "-"]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    if "matches no streams" in run.stderr:
        raise NoVideoStreamError("holds no video stream (audio only, or cut off?)")
    times = _parse(run.stdout)
    if times is None or run.returncode != 0:
        raise VideoFileError(f"is not a video that ffmpeg can read: {_first_line(run.stderr)}")
    if times.pts_F[0] == _NO_PTS:
        raise VideoFileError("holds pictures that nothing says the time of; `ffmpeg -i FILE NEW.mp4` gives them one")
    return times


def _parse(text: str) -> PacketTimes | None:
    base = re.search(r"^#tb 0: (\d+)/(\d+)$", text, re.M)
    rows = re.findall(r"^0,\s*(-?\d+),\s*(-?\d+),\s*\d+,\s*\d+, 0x[0-9a-f]+(?:, F=(0x[0-9a-fA-F]+))?", text, re.M)
    if not base or not rows:
        return None
    pts = np.array([int(row[1]) for row in rows], dtype=np.int64)
    shown = np.array([not (int(row[2] or "0", 16) & _DISCARD) for row in rows])
    order = np.argsort(pts, kind="stable")
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)$", text, re.M)
    coded = (int(size[1]), int(size[2])) if size else (0, 0)
    return PacketTimes(pts[order], shown[order], Fraction(int(base[1]), int(base[2])), coded)


def _first_line(stderr: str) -> str:
    lines = [re.sub(r"^\[[^]]*\]\s*", "", line).strip() for line in stderr.splitlines()]
    return next((line for line in lines if line), "no picture in it")[:200]
