"""Runs the ffmpeg program: reads untrusted video files safely, and writes pictures as an MP4.

ffmpeg chooses the reader (demuxer) by the file's content, not by its name, from a list of known containers. Readers
that open further files or addresses named in the content (HLS, DASH, ffconcat, image sequences, IMF) are not listed.
ffmpeg may use no protocol but `file`, and Linux limits the memory and processor time of its process. Where the system
lets an ordinary user do so, the process has a network namespace of its own, without any network (`hmmr doctor` says).

Our MP4 files are H.264 with 4:2:0 sampling, which every player reads. Each is written whole or not at all.
"""

import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import IO, Any

import ffmpeg
import numpy as np
import numpy.typing as npt


class VideoWriteError(RuntimeError):
    """ffmpeg could not write a video; the message names the file and holds ffmpeg's own words."""


@cache
def ffmpeg_program() -> str:
    """The ffmpeg on PATH, or the one that imageio-ffmpeg carries."""
    program = shutil.which("ffmpeg")
    if program:
        return program
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


CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h263", "h264", "hevc", "vvc", "av1", "obu", "ivf",
    "ogg", "flv", "live_flv", "asf", "asf_o", "mxf", "gxf", "dv", "gif", "yuv4mpegpipe", "mjpeg", "mjpeg_2000", "nut",
    "rm", "wtv", "vc1", "dirac", "cavsvideo", "apng", "webp_anim", "dhav", "nsv", "ty", "pva", "smjpeg",
    "wav", "mp3", "aac", "flac", "ac3", "aiff", "amr", "caf",
)  # fmt: skip
"""Names of ffmpeg's demuxers. Audio formats are listed so that the error for an audio file says: no pictures."""

MEMORY_BYTES = 5 << 28
"""1.25 GiB of private memory for one thread: 22 decoded pictures of 4096 x 2304 at 10 bits are 0.6 GiB."""
_MEMORY_A_THREAD = 1 << 28
_WRITTEN_BYTES = 1 << 28
"""Most bytes that the process may write into a file: its messages and the times of the pictures."""


def input_arguments(
    path: Path, *, threads: int = 1, loglevel: str = "level+error", from_s: Fraction | None = None
) -> list[str]:
    """ffmpeg's arguments up to and with `-i`: the file alone, by a known reader, on the stream's own clock. With
    `from_s` reading begins at a key frame at or before that time, and no picture after it is left out."""
    seek = [] if from_s is None else ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", f"{float(from_s):.6f}"]
    return [ffmpeg_program(), "-hide_banner", "-nostdin", "-nostats", "-v", loglevel, "-protocol_whitelist", "file",
            "-format_whitelist", ",".join(CONTAINERS), "-fflags", "+genpts", "-copyts", "-filter_threads", "1",
            "-threads", str(threads), *seek,
            "-i", f"file:{path}"]  # fmt: skip


@cache
def without_network() -> tuple[str, ...]:
    """Words before a command that take the network from it; none where there is no `unshare`, or it is not allowed."""
    program = shutil.which("unshare")
    for options in (("--user", "--map-current-user", "--net"), ("--user", "--map-root-user", "--net"), ("--net",)):
        words = (program or "", *options, "--")
        if program and subprocess.run([*words, "true"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
            return words
    return ()


def start_decoder(
    command: list[str], *, cpu_s: float, threads: int = 1, complaints: IO[bytes], pass_fds: tuple[int, ...] = ()
) -> "subprocess.Popen[bytes]":
    """Runs ffmpeg with a pipe as its stdout and, where that can be, without network. Memory, processor time and what it
    writes are limited where the system can limit a running process (Linux); a process that goes beyond ends."""
    process = subprocess.Popen(
        [*without_network(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints,
        bufsize=1 << 20, pass_fds=pass_fds,
    )  # fmt: skip
    memory = MEMORY_BYTES + (threads - 1) * _MEMORY_A_THREAD
    limits = {"RLIMIT_DATA": memory, "RLIMIT_CPU": int(cpu_s) + 1, "RLIMIT_FSIZE": _WRITTEN_BYTES, "RLIMIT_CORE": 0}
    prlimit: Any = getattr(resource, "prlimit", None)
    if prlimit is not None:
        for name, limit in limits.items():
            _limit(prlimit, process.pid, getattr(resource, name), limit)
    return process


def _limit(prlimit: Any, pid: int, kind: int, limit: int) -> None:
    try:
        _, hard = prlimit(pid, kind)
        ceiling = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        prlimit(pid, kind, (ceiling, ceiling))
    except (ProcessLookupError, PermissionError):
        return  # it has ended already, or belongs to a container that sets limits itself


def first_complaint(text: str) -> str:
    """The first error in what ffmpeg wrote at a `level+...` loglevel, without the name of the part that wrote it."""
    errors = [line for line in text.splitlines() if re.match(r"(\[[^]]*\] )*\[(error|fatal|panic)\]", line)]
    lines = [re.sub(r"^(\[[^]]*\]\s*)+", "", line).strip() for line in errors]
    return next((line for line in lines if line), "")[:200]
