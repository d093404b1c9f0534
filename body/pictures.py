"""The decoded pictures of a file, through a pipe from an ffmpeg process: no more in memory than are asked for.

A reader inside this process, such as decord's, decodes all that it has pushed: five pictures asked of ten minutes at
320 x 240 left 490 MB decoded (docs/LOG.md), and there is no limit to it. The pipe's pictures are decord's to the bit,
and a file that brings its decoder down brings only that process down.
"""

import contextlib
import fcntl
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from body.mp4 import ffmpeg_program

_BUFFER = 1 << 20
LARGEST_SIDE = 1 << 15
"""Pixels; pictures above are scaled down."""


class Pictures:
    """RGB pictures (H, W, 3) of a file's first video stream in the order in which they are shown, rotated upright.

    `size` is there before the first picture is asked for; None if the file holds no picture that can be decoded.
    """

    def __init__(self, path: Path, *, max_side: int = LARGEST_SIDE, threads: int = 1) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (a pipe that nobody reads would fill up)
        self._process = subprocess.Popen(
            _command(path, max_side, threads),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=_BUFFER,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._pipe: IO[bytes] = self._process.stdout
        _widen(self._pipe)
        self._end = weakref.finalize(self, _stop, self._process, self._pipe)
        self.size = self._read_size()

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Once."""
        size = self.size
        try:
            while size is not None:
                picture = np.empty((*size, 3), np.uint8)
                if not _fill(self._pipe, picture.data.cast("B")):
                    return
                yield picture
                size = self._read_size()
        finally:
            self.close()

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
    def complaint(self) -> str:
        """The first line of what ffmpeg said went wrong."""
        self._complaints.seek(0)
        lines = self._complaints.read(4096).decode(errors="replace").splitlines()
        return next((line.split("] ")[-1].strip() for line in lines if line.strip()), "")[:120]


def _command(path: Path, max_side: int, threads: int) -> list[str]:
    fit = f"min(1,{max_side}/max(iw,ih))"
    scale = f"scale='if(lt({fit},1),round(iw*{fit}),iw)':'if(lt({fit},1),round(ih*{fit}),ih)'"
    return [ffmpeg_program(), "-hide_banner", "-v", "error", "-nostdin", "-protocol_whitelist", "file", "-threads",
            str(threads), "-i", f"file:{path}", "-map", "0:V:0", "-fps_mode", "passthrough", "-vf", scale,
            "-threads", "1", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]  # fmt: skip


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
