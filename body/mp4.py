"""Pictures to an MP4 that every player reads: H.264, 4:2:0, through the ffmpeg program; whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path

import ffmpeg
import numpy as np
import numpy.typing as npt


class VideoWriteError(RuntimeError):
    """ffmpeg could not write a video; the message names the file and holds ffmpeg's own words."""


@cache
def ffmpeg_program() -> str:
    """The ffmpeg on PATH, or the one that imageio-ffmpeg carries."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def write_mp4(pictures: Iterable[npt.NDArray[np.uint8]], path: Path, fps: Fraction | float, crf: int = 20) -> Path:
    """Write RGB pictures (H, W, 3) of one size, H and W even, at a constant rate.

    One thread, no dates, no names of programs: the same pictures give the same bytes.
    Raises VideoWriteError; whatever happens, `path` is the old file or the whole new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as scratch:
        unfinished = Path(scratch) / path.name
        _encode(iter(pictures), unfinished, Fraction(fps).limit_denominator(1001), crf)
        unfinished.replace(path)
    return path


def _encode(pictures: Iterable[npt.NDArray[np.uint8]], path: Path, fps: Fraction, crf: int) -> None:
    stream = iter(pictures)
    first = next(stream, None)
    if first is None:
        raise VideoWriteError(f"{path.name}: no picture to write")
    height, width = first.shape[:2]
    rate = f"{fps.numerator}/{fps.denominator}"
    graph = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=rate).output(
        str(path), vcodec="libx264", pix_fmt="yuv420p", crf=crf, preset="veryfast", movflags="+faststart",
        threads=1, map_metadata=-1, fflags="+bitexact", loglevel="error", **{"flags:v": "+bitexact"},
    )  # fmt: skip
    process = graph.overwrite_output().run_async(cmd=ffmpeg_program(), pipe_stdin=True, pipe_stderr=True)
    try:
        process.stdin.write(np.ascontiguousarray(first).data)
        for picture in stream:
            process.stdin.write(np.ascontiguousarray(picture).data)
    except BrokenPipeError:
        pass  # ffmpeg's own message says why it stopped reading
    except BaseException:
        process.kill()
        process.wait()
        raise
    _, complaint = process.communicate()
    if process.returncode:
        raise VideoWriteError(f"{path.name}: ffmpeg said: {complaint.decode(errors='replace').strip()}")
