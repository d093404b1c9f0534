"""The decoded pictures of a file with their times, through a pipe from an ffmpeg process: no more in memory than are
asked for.

A reader inside this process, such as decord's, decodes all that it has pushed: five pictures asked of ten minutes at
320 x 240 left 490 MB decoded (docs/LOG.md), and there is no limit to it. The pipe's pictures are decord's to the bit,
and a file that brings its decoder down brings only that process down.

Each picture has the PTS that the decoder gives it, which ffmpeg's `metadata` filter writes into a file beside the pipe:
where a damaged picture is left out, the others keep their times. Pictures are PPM, whose head says the size.
"""

import contextlib
import fcntl
import os
import re
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
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
        """End the process. Nothing happens the second time."""
        self._end()

    @property
    def was_killed(self) -> bool:
        """Whether the decoder was ended from outside before its file was: it took too much time or memory."""
        return (self._process.returncode or 0) < 0

    @property
    def complaint(self) -> str:
        """The first error that ffmpeg told of."""
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
        """Its number, which the decoder's process has as well."""
        return self.file.fileno()

    def next(self) -> int | None:
        """Of the next picture; it was written before the picture itself."""
        if not self._ready:
            self._read()
            self._ready.reverse()
        return self._ready.pop() if self._ready else None

    def rest(self) -> Iterator[int | None]:
        """All that were written since the last call."""
        while self._read():
            yield from self._ready
            self._ready = []

    def _read(self) -> bool:
        block = os.pread(self.fd, _BUFFER, self._at)  # not read(): the decoder writes at the shared place
        self._at += len(block)
        whole, _, self._text = (self._text + block).rpartition(b"\n")
        self._ready += [_number(found) for found in _TIME.findall(whole)]
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
    return [*input_arguments(path, threads=config.threads), "-map", "0:V:0", "-fps_mode", "passthrough",
            "-vf", ",".join(filters), *output]  # fmt: skip


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
