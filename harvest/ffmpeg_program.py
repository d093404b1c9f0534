"""Which ffmpeg to run: the one on PATH, else the binary that imageio-ffmpeg carries."""

import shutil
from functools import cache

import imageio_ffmpeg


@cache
def ffmpeg_program() -> str:
    """Path of an ffmpeg that runs here. RuntimeError as from imageio_ffmpeg if there is none."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())
