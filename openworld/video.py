"""MP4 files: written through ffmpeg, whole or not at all, and read back for the time stamps that a reader will see."""

import shutil
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
import numpy.typing as npt

from body.raster_kernels import Bytes

TIMESCALE = 12800
"""Units of pts a second in our files: what ffmpeg takes for 25 frames a second, fixed so that it is known."""


class FilmWriteError(RuntimeError):
    """ffmpeg could not write a film; the message holds its own words."""


def ffmpeg_program() -> str:
    """The ffmpeg on PATH, or the one that imageio-ffmpeg carries."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def write_mp4(pictures: Iterable[Bytes], path: Path, size: tuple[int, int], fps: int, crf: int) -> None:
    """H.264, 4:2:0, one thread and no dates, so that the same pictures give the same bytes.

    `size` is width, height. Raises FilmWriteError; whatever happens, `path` is the old file or the whole new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as scratch:
        unfinished = Path(scratch) / path.name
        _encode(pictures, unfinished, size, fps, crf)
        unfinished.replace(path)


def _encode(pictures: Iterable[Bytes], path: Path, size: tuple[int, int], fps: int, crf: int) -> None:
    stream = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size[0]}x{size[1]}", framerate=fps)
    stream = stream.output(
        str(path), vcodec="libx264", pix_fmt="yuv420p", crf=crf, preset="veryfast", threads=1, map_metadata=-1,
        fflags="+bitexact", movflags="+faststart", video_track_timescale=TIMESCALE, loglevel="error",
        **{"flags:v": "+bitexact"},
    )  # fmt: skip
    process = stream.overwrite_output().run_async(cmd=ffmpeg_program(), pipe_stdin=True, pipe_stderr=True)
    try:
        for picture in pictures:
            process.stdin.write(np.ascontiguousarray(picture).data)
    except BrokenPipeError:
        pass  # ffmpeg's own message says why it stopped reading
    except BaseException:
        process.kill()
        process.wait()
        raise
    _, complaint = process.communicate()
    if process.returncode:
        raise FilmWriteError(f"ffmpeg could not write {path.name}: {complaint.decode(errors='replace').strip()}")


def read_pts(path: Path) -> tuple[npt.NDArray[np.int64], Fraction]:
    """The time stamps (F) that decord returns for a film of ours, and the seconds of one unit of them."""
    import decord

    reader = decord.VideoReader(str(path), num_threads=1)
    start_s = np.asarray(reader.get_frame_timestamp(list(range(len(reader)))), np.float64)[:, 0]
    return np.round(start_s * TIMESCALE).astype(np.int64), Fraction(1, TIMESCALE)
