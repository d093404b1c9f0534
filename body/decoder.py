"""How ffmpeg is let near a stranger's video file: one file, known containers, bounded memory and time.

A file says by its content which reader of ffmpeg gets it, whatever its name is. Some readers open further files or
addresses that the content names (HLS, DASH, ffconcat, image sequences, IMF); none of those is on the list. ffmpeg gets
no protocol but `file`, and Linux takes care that the process cannot have more memory or processor time than it should.
"""

import re
import resource
import subprocess
from pathlib import Path
from typing import IO, Any

from body.mp4 import ffmpeg_program

CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h263", "h264", "hevc", "vvc", "av1", "obu", "ivf",
    "ogg", "flv", "live_flv", "asf", "asf_o", "mxf", "gxf", "dv", "gif", "yuv4mpegpipe", "mjpeg", "mjpeg_2000", "nut",
    "rm", "wtv", "vc1", "dirac", "cavsvideo", "apng", "webp_anim", "dhav", "nsv", "ty", "pva", "smjpeg",
    "wav", "mp3", "aac", "flac", "ac3", "aiff", "amr", "caf",
)  # fmt: skip
"""Names of ffmpeg's demuxers. Those of sound alone are there so that such a file is told that it has no pictures."""

MEMORY_BYTES = 5 << 28
"""1.25 GiB of private memory for one thread: 22 decoded pictures of 4096 x 2304 at 10 bits are 0.6 GiB."""
_MEMORY_A_THREAD = 1 << 28
_WRITTEN_BYTES = 1 << 28
"""What the process may write into a file: its complaints and the times of the pictures."""


def input_arguments(path: Path, *, threads: int = 1, loglevel: str = "level+error") -> list[str]:
    """ffmpeg's arguments up to and with `-i`: the file alone, by a known reader, on the stream's own clock."""
    return [ffmpeg_program(), "-hide_banner", "-nostdin", "-nostats", "-v", loglevel, "-protocol_whitelist", "file",
            "-format_whitelist", ",".join(CONTAINERS), "-fflags", "+genpts", "-copyts", "-threads", str(threads),
            "-i", f"file:{path}"]  # fmt: skip


def start_decoder(
    command: list[str], *, cpu_s: float, threads: int = 1, complaints: IO[bytes], pass_fds: tuple[int, ...] = ()
) -> "subprocess.Popen[bytes]":
    """Runs ffmpeg with a pipe as its stdout. Memory, processor time and what it writes are limited where the system
    can limit a running process (Linux); a process that goes beyond ends."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, bufsize=1 << 20,
        pass_fds=pass_fds,
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
