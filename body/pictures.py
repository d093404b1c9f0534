"""Reads decoded pictures and their times through a pipe from an ffmpeg process, one picture at a time.

A reader inside this process, such as decord's, decodes all that it has pushed: five pictures asked of ten minutes at
320 x 240 left 490 MB decoded (docs/LOG.md), and there is no limit to it. The pipe's pictures are decord's to the bit,
and a file that brings its decoder down brings only that process down.

Each picture has the PTS that the decoder gives it, which ffmpeg's `metadata` filter writes into a file beside the pipe:
where a damaged picture is left out, the others keep their times. Pictures are PPM, whose head says the size.

The packets say when each picture is shown, in the stream's own rational time base, without decoding one.
ffmpeg copies the packets of the first video stream into its `framecrc` format, one line a packet in file order, with
the PTS that the container says (`setts` replaces the DTS by the packet's number, or ffmpeg would bend the times of a
clock that restarts). Decoders put pictures out in the order of their PTS, so within one clock the sorted list is the
list of pictures. Where the clock restarts (joined files, HLS discontinuities) a new stretch begins. F packets.
"""

import contextlib
import fcntl
import itertools
import os
import re
import subprocess
import tempfile
import threading
import time
import weakref
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from body.ffmpeg import first_complaint, input_arguments, start_decoder

_BUFFER = 1 << 20
LARGEST_SIDE = 1 << 15
"""Pixels; pictures above are scaled down."""
_TIME = re.compile(rb"^frame:\S*\s+pts:(\S+)\s+pts_time", re.M)


@dataclass(frozen=True)
class PictureConfig:
    """What is made of the decoded pictures before they come through the pipe."""

    max_side: int = LARGEST_SIDE
    """Larger pictures are scaled down while they are decoded."""
    threads: int = 1
    cpu_s: float = 24 * 3600.0
    """Processor time after which the decoder is ended."""
    interlaced: bool = False
    """Pictures that are marked as two fields become one picture (bwdif); needs the stream's `time_base`."""
    time_base: Fraction | None = None
    select: str = ""
    """Which pictures come, as an expression of ffmpeg's select filter in the stream's own PTS; empty: all."""
    from_s: Fraction | None = None
    """Decoding begins at a key frame at or before this time of the stream's own clock; None: at the file's start."""


class Pictures:
    """RGB pictures (H, W, 3) of a file's first video stream in the order in which they are shown, rotated upright, with
    square pixels.

    `size` is there before the first picture is asked for; None if the file holds no picture that can be decoded.
    """

    def __init__(self, path: Path, config: PictureConfig = PictureConfig()) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (a pipe that nobody reads would fill up)
        self._all = _Times()
        self._kept = _Times() if config.select else _Times(self._all.file)
        self._process = start_decoder(
            _command(path, config, self._all.fd, self._kept.fd), cpu_s=config.cpu_s, threads=config.threads,
            complaints=self._complaints, pass_fds=(self._all.fd, self._kept.fd),
        )  # fmt: skip
        assert self._process.stdout is not None
        self._pipe: IO[bytes] = self._process.stdout
        _widen(self._pipe)
        self._end = weakref.finalize(self, _stop, self._process, self._pipe)
        self.size = self._read_size()

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures, once."""
        return (picture for _, picture in self.timed())

    def timed(self) -> Iterator[tuple[int | None, NDArray[np.uint8]]]:
        """(PTS in the stream's time base, picture), once. None for a picture that has no time."""
        size = self.size
        try:
            while size is not None:
                picture = np.empty((*size, 3), np.uint8)
                if not _fill(self._pipe, picture.data.cast("B")):
                    break
                yield self._kept.next(), picture
                size = self._read_size()
            self._process.wait()
        finally:
            self.close()

    def decoded_pts(self) -> Iterator[int | None]:
        """PTS of every picture that was decoded so far, also of those that `select` left out; each is given once."""
        return self._all.rest()

    def _read_size(self) -> tuple[int, int] | None:
        """(H, W) of the next picture, from its PPM header."""
        if self._pipe.readline() != b"P6\n":
            return None
        width, height = map(int, self._pipe.readline().split())
        self._pipe.readline()  # 255
        return height, width

    def close(self) -> None:
        """End the process. A second call does nothing."""
        self._end()

    @property
    def was_killed(self) -> bool:
        """Whether the decoder was ended from outside before its file was: it took too much time or memory."""
        return (self._process.returncode or 0) < 0

    @property
    def complaint(self) -> str:
        """The first error message of ffmpeg."""
        self._complaints.seek(0)
        return first_complaint(self._complaints.read(1 << 16).decode(errors="replace"))[:120]


class _Times:
    """Times of pictures in a file that ffmpeg writes while it is read: `frame:3 pts:1536 pts_time:0.12`."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        """A file of its own, or another reader of the same."""
        self.file = file or tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (lives as long as the pictures)
        self._at, self._text = 0, b""
        self._ready: list[int | None] = []

    @property
    def fd(self) -> int:
        """The file descriptor, which the decoder's process shares."""
        return self.file.fileno()

    def next(self) -> int | None:
        """The PTS of the next picture. ffmpeg writes it before the picture itself."""
        if not self._ready:
            self._read()
            self._ready.reverse()
        return self._ready.pop() if self._ready else None

    def rest(self) -> Iterator[int | None]:
        """The PTS that ffmpeg has written since the last call."""
        while self._read():
            yield from self._ready
            self._ready = []

    def _read(self) -> bool:
        block = os.pread(self.fd, _BUFFER, self._at)  # not read(): the decoder writes at the shared place
        self._at += len(block)
        whole, _, self._text = (self._text + block).rpartition(b"\n")
        self._ready += [_number(pts) for pts in _TIME.findall(whole)]
        return bool(block)


def _number(text: bytes) -> int | None:
    return int(text) if re.fullmatch(rb"-?\d+", text) else None


def _command(path: Path, config: PictureConfig, every_fd: int, kept_fd: int) -> list[str]:
    filters = []
    if config.interlaced and config.time_base:  # bwdif halves the time base
        filters += ["bwdif=mode=send_frame:deint=interlaced", f"settb={config.time_base}"]
    filters += ["metadata=mode=add:key=hmmr:value=1", _print_times(every_fd)]
    if config.select:
        filters += [f"select='{config.select}'", _print_times(kept_fd)]
    filters.append(_scale(config.max_side))
    filters.append("setpts=N/TB")  # the output refuses a clock that restarts
    output = ["-threads", "1", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]
    opened = input_arguments(path, threads=config.threads, from_s=config.from_s)
    return [*opened, "-map", "0:V:0", "-fps_mode", "passthrough", "-vf", ",".join(filters), *output]  # fmt: skip


def _print_times(fd: int) -> str:
    return rf"metadata=mode=print:key=hmmr:file='pipe\:{fd}':direct=1"


def _scale(max_side: int) -> str:
    """Square pixels by the width, as players do it, then no side above the largest. Within 2 % a pixel is square (an
    encoder rounds), beyond 1 : 8 the file is wrong."""
    wide = "if(between(sar,0.98,1.02)+not(between(sar,1/8,8)),iw,round(iw*sar))"
    fit = f"min(1,{max_side}/max({wide},ih))"
    return f"scale='if(lt({fit},1),max(1,round({wide}*{fit})),{wide})':'if(lt({fit},1),max(1,round(ih*{fit})),ih)'"


def _widen(pipe: IO[bytes]) -> None:
    """Room for a picture in the pipe, where the system can: the decoder and its reader wait for each other less."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a user may have spent what the system grants for pipes
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _BUFFER)


def _fill(pipe: IO[bytes], target: memoryview) -> bool:
    """False if the pipe ended before the target was full."""
    done = 0
    while done < len(target):
        count = pipe.readinto(target[done:])  # type: ignore[attr-defined]
        if not count:
            return False
        done += count
    return True


def _stop(process: "subprocess.Popen[bytes]", pipe: IO[bytes]) -> None:
    pipe.close()
    process.kill()
    process.wait()


_NO_PTS = -(2**63)
"""AV_NOPTS_VALUE: an MPEG program stream need not say the time of each picture; `genpts` fills in what follows."""
_DISCARD, _KEY = 0x4, 0x1
"""AV_PKT_FLAG_DISCARD: an edit list hides this picture, others need it. AV_PKT_FLAG_KEY: a key frame."""
_BACK_S, _AHEAD_S = Fraction(1, 10), Fraction(10)
"""A key frame that is so much earlier than the pictures before it, or in a transport stream so much later, begins a
clock of its own: ffmpeg's own thresholds (its dts_delta_threshold is 10 s)."""
_MAX_RATE = 240
"""Pictures a second that a file may have over its longest allowed length; above, it is not listed to its end."""
_ROW = re.compile(rb"0,\s*-?\d+,\s*(-?\d+),\s*(\d+),\s*\d+, 0x[0-9a-f]+(?:, F=(0x[0-9a-fA-F]+))?")
_INTERLACED = re.compile(r"^\[info\]\s+Stream #0:.* Video: .*\b(?:top|bottom)(?: coded)? first\b", re.M)

_CUT_OFF = re.compile(r"^(\[[^]]*\] )*\[error\] .*partial file", re.M)


class VideoFileError(ValueError):
    """The file is no video that ffmpeg can read; the message says what ffmpeg says."""


class NoVideoStreamError(VideoFileError):
    """A media file without pictures."""


class VideoTooLongError(VideoFileError):
    """The file has more seconds or more pictures than were allowed; it was not read to its end."""


@dataclass(frozen=True)
class PacketTimes:
    """Times and format of the first video stream, its pictures in the order in which they are shown."""

    pts_F: NDArray[np.int64]
    """Ascending, one a picture, in units of `time_base` seconds: the stream's PTS; after a clock's restart they go on
    from the picture before it."""
    stream_pts_F: NDArray[np.int64]
    """The same pictures' PTS as the stream has them."""
    stretch_F: NDArray[np.int64]
    """Which clock a picture belongs to, from 0."""
    shown_F: NDArray[np.bool_]
    """False for pictures that an edit list cuts away."""
    time_base: Fraction
    coded: tuple[int, int]
    """Width and height of the coded pictures, before any rotation."""
    pixel_shape: Fraction
    """Width of a pixel over its height (the sample aspect ratio); 1 where the file says nothing."""
    interlaced: bool
    """Whether the stream says that its pictures are two fields."""
    key_F: NDArray[np.bool_]
    """Whether a picture is a key frame."""
    open_gop: bool
    """Whether a picture is shown before the key frame that it is coded after, so that decoding from there lacks it."""


def read_packet_times(path: Path, *, limit_s: float = 120.0, max_seconds: float | None = None) -> PacketTimes:
    """The times of a file's first video stream. Raises NoVideoStreamError, VideoTooLongError, VideoFileError, or
    subprocess.TimeoutExpired after `limit_s`.

    With `max_seconds` the list ends where the pictures last longer than that, or are more than it can hold at 240 a
    second: a small file may claim millions.
    """
    command = [*input_arguments(path, loglevel="level+info"), "-map", "0:V:0", "-c", "copy", "-copyinkf",
               "-bsf:v", f"setts=pts=PTS:dts=N-{1 << 52}", "-f", "framecrc", "-"]  # fmt: skip
    try:
        with path.open("rb") as file:
            packets = _Packets(max_seconds, jumps=is_transport_stream(file.read(600)))
    except OSError as error:
        raise VideoFileError(f"cannot be read: {error.strerror}") from None
    with tempfile.TemporaryFile() as complaints:
        process = start_decoder(command, cpu_s=limit_s, complaints=complaints)
        alarm = threading.Timer(limit_s, process.kill)
        alarm.start()
        began = time.monotonic()
        try:
            assert process.stdout is not None
            with process.stdout:
                packets.read(process.stdout)
            process.wait()
        finally:
            alarm.cancel()
            process.kill()
            process.wait()
        words = _ends_of(complaints)
    if process.returncode != 0 and time.monotonic() - began >= limit_s:
        raise subprocess.TimeoutExpired(command, limit_s)
    return packets.times(words, whole=process.returncode == 0)


class _Packets:
    """The packets of a stream as they come in: lists of numbers, and no text."""

    def __init__(self, max_seconds: float | None, *, jumps: bool) -> None:
        self._max_seconds, self._jumps = max_seconds, jumps
        self._base: Fraction | None = None
        self._size, self._shape = (0, 0), Fraction(1)
        self._pts, self._hidden, self._starts = array("q"), array("b"), array("q", [0])
        self._key, self._key_pts, self._open = array("b"), 0, False
        self._low = self._high = self._before = 0

    def read(self, lines: Iterable[bytes]) -> None:
        """Raises VideoTooLongError, or VideoFileError for a picture without a time."""
        for line in lines:
            if line.startswith(b"#"):
                self._head(line)
            elif row := _ROW.match(line):
                self._add(int(row[1]), int(row[2]), int(row[3] or b"0x1", 16))

    def _head(self, line: bytes) -> None:
        if match := re.match(rb"#tb 0: (\d+)/(\d+)$", line):
            self._base = Fraction(int(match[1]), int(match[2])) if int(match[1]) * int(match[2]) else None
        elif match := re.match(rb"#dimensions 0: (\d+)x(\d+)$", line):
            self._size = (int(match[1]), int(match[2]))
        elif match := re.match(rb"#sar 0: (\d+)/(\d+)$", line):
            self._shape = Fraction(int(match[1]), int(match[2])) if int(match[1]) * int(match[2]) else Fraction(1)

    def _add(self, pts: int, duration: int, flags: int) -> None:
        if pts == _NO_PTS:
            raise VideoFileError(
                "holds pictures that nothing says the time of; `ffmpeg -i FILE NEW.mp4` gives them one"
            )
        first = not self._pts
        if not first and flags & _KEY and self._restarts(pts):
            self._before += self._high - self._low
            self._starts.append(len(self._pts))
            first = True
        self._low, self._high = (pts, pts) if first else (min(pts, self._low), max(pts, self._high))
        if flags & _KEY:
            self._key_pts = pts
        self._open |= pts < self._key_pts
        self._pts.append(pts)
        self._hidden.append(bool(flags & _DISCARD))
        self._key.append(bool(flags & _KEY))
        if self._max_seconds is not None and self._base is not None:
            lasts = float((self._before + self._high - self._low) * self._base)
            if lasts > self._max_seconds or len(self._pts) > max(1000.0, self._max_seconds * _MAX_RATE):
                raise VideoTooLongError(
                    f"has more than {min(lasts, self._max_seconds):.0f} s or {len(self._pts)} pictures; "
                    f"the limit is {self._max_seconds:.0f} s"
                )

    def _restarts(self, pts: int) -> bool:
        if self._base is None:
            return False
        back, ahead = (self._high - pts) * self._base, (pts - self._high) * self._base
        return back > _BACK_S or (self._jumps and ahead > _AHEAD_S)

    def times(self, words: str, *, whole: bool) -> PacketTimes:
        """The times of all packets read; `words` holds ffmpeg's messages. VideoFileError where there is no video."""
        if "matches no streams" in words:
            raise NoVideoStreamError("holds no video stream (audio only, or cut off?)")
        if self._base is None or not self._pts or not whole:
            raise VideoFileError(f"is not a video that ffmpeg can read: {first_complaint(words) or 'no picture in it'}")
        if _CUT_OFF.search(words):
            raise VideoFileError("is cut off: its index names pictures that lie behind its end")
        raw = np.frombuffer(self._pts, np.int64)
        hidden = np.frombuffer(self._hidden, np.int8).astype(bool)
        stretch = np.zeros(len(raw), np.int64)
        stretch[np.asarray(self._starts[1:], np.int64)] = 1
        stretch = np.cumsum(stretch)
        order = np.lexsort((raw, stretch))
        raw, hidden, stretch = raw[order], hidden[order], stretch[order]
        key = np.frombuffer(self._key, np.int8).astype(bool)[order]
        interlaced = _INTERLACED.search(words) is not None
        return PacketTimes(
            _continued(raw, stretch), raw, stretch, ~hidden, self._base, self._size, self._shape, interlaced, key,
            self._open,
        )  # fmt: skip


def _continued(raw_F: NDArray[np.int64], stretch_F: NDArray[np.int64]) -> NDArray[np.int64]:
    """The times with each stretch moved to one picture's step after the end of the stretch before it."""
    pts_F = raw_F.copy()
    edges = [*(np.flatnonzero(np.diff(stretch_F)) + 1), len(raw_F)]
    for start, stop in itertools.pairwise(edges):
        steps = np.diff(pts_F[:start])
        step = int(np.median(steps[steps > 0])) if (steps > 0).any() else 1
        pts_F[start:stop] += pts_F[start - 1] + step - pts_F[start]
    return pts_F


def _ends_of(complaints: IO[bytes]) -> str:
    """What ffmpeg wrote: the first and the last 32 kB of it."""
    size = complaints.seek(0, 2)
    complaints.seek(0)
    head = complaints.read(1 << 15)
    complaints.seek(max(complaints.tell(), size - (1 << 15)))
    return (head + complaints.read()).decode(errors="replace")


def is_transport_stream(head: bytes) -> bool:
    """Whether a file that begins so (600 bytes) is packets of MPEG-TS: of 188 bytes, or 192 with a time stamp each."""
    return any(head[at:600:size][:3] == b"\x47" * 3 for at, size in ((0, 188), (4, 192)))
