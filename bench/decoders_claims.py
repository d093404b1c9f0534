"""The harvest's decoder, which reads ffmpeg's pipe, against PyAV: CPU, memory, exactness of times, damaged files.

    python bench/decoders_claims.py [--seconds 2]

Clips are made by ffmpeg's test pattern. Both sides give the pictures that thinning to 25 a second keeps, as RGB, and
their times; in turn, each in a process of its own, one thread. CPU milliseconds are per picture of the file, the least
of the rounds, with the decoder's process where there is one. Times: how many of PyAV's kept pictures have a time that
the pipe's do not. Damaged: the second third of the H.264 file's bytes is overwritten with noise; what each still gives
and how it ends. PyAV has an environment of its own below ~/.cache/hmmr/bench.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

CLIPS = {
    "H.264 1080p60": ("1920x1080", 60, ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"], "mp4"),
    "VP9 1080p60": ("1920x1080", 60, ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"], "webm"),
    "AV1 1080p60": ("1920x1080", 60, ["-c:v", "libsvtav1", "-preset", "12"], "mp4"),
    "HEVC 10-bit 1080p60": (
        "1920x1080", 60, ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"], "mp4",
    ),
    "H.264 4K30": ("3840x2160", 30, ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"], "mp4"),
}  # fmt: skip
PYAV = "av==18.1.0"
CHOICE = (
    "The pipe stays. What it costs more is in part the start of two programs, which a short clip cannot spread, and\n"
    "in part that pictures are written and read; for it, a file that brings the decoder down brings down no worker."
)
RATE = 25


def by_pipe(path: Path) -> dict[str, Any]:
    """As the harvest decodes: kept pictures and their times."""
    from harvest.video.decode import DecodeConfig, Video

    video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 27, max_seconds=1e6)
    times = [str(frame.pts * video.timing.time_base) for frame in video.frames()]
    return {"times": times, "pictures": video.n_frames}


def by_pyav(path: Path) -> dict[str, Any]:
    """The same with PyAV: only kept pictures become RGB, at most 1,920 px long, as the harvest has it."""
    import av

    times, pictures, last = [], 0, None
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_count = 1
        for frame in file.decode(stream):
            pictures += 1
            time = Fraction(frame.pts) * stream.time_base
            slot = int(time * RATE + Fraction(1, 2))
            if slot == last:
                continue
            last = slot
            ratio = min(1.0, 1920 / max(frame.width, frame.height))
            frame.to_ndarray(format="rgb24", width=round(frame.width * ratio), height=round(frame.height * ratio))
            times.append(str(time))
    return {"times": times, "pictures": pictures}


def one(way: str, path: Path) -> dict[str, Any]:
    """Cost and answers of one decoding, in this process."""
    began = os.times()
    answer: dict[str, Any] = {"error": ""}
    try:
        answer |= by_pipe(path) if way == "pipe" else by_pyav(path)
    except Exception as error:
        answer |= {"error": type(error).__name__, "times": [], "pictures": 0}
    answer["cpu_s"] = sum(os.times()[:4]) - sum(began[:4])
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    answer["mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + children) / 1024
    return answer


def run(way: str, path: Path, python: Path) -> dict[str, Any]:
    """The same in a process of its own; a process that dies is an answer too."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    words = [str(python), __file__, "--one", way, str(path)]
    answer = subprocess.run(words, capture_output=True, text=True, env=environment)
    if answer.returncode:
        return {"error": f"the process ended with {answer.returncode}", "times": [], "pictures": 0, "cpu_s": 0, "mb": 0}
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def make_clip(name: str, folder: Path, seconds: float) -> Path:
    """CalledProcessError where this ffmpeg lacks the encoder."""
    from body.ffmpeg import ffmpeg_program

    size, rate, encoder, suffix = CLIPS[name]
    path = folder / f"{name.replace(' ', '_')}.{suffix}"
    pattern = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    words = [ffmpeg_program(), "-v", "error", "-y", "-f", "lavfi", "-i", pattern, *encoder, str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


ROWS: list[str] = []


def row(name: str, path: Path, python: Path, rounds: int) -> str:
    """A row of the table."""
    answers = [(run("pipe", path, Path(sys.executable)), run("pyav", path, python)) for _ in range(rounds)]
    pipe, pyav = answers[-1]
    for way in (pipe, pyav):
        if way["error"]:
            raise RuntimeError(f"{name}: {way['error']}")
    pictures = pipe["pictures"]
    costs = [min(1000 * pair[k]["cpu_s"] for pair in answers) / pictures for k in (0, 1)]
    other = sum(time not in set(pipe["times"]) for time in pyav["times"])
    return (
        f"| {name} | {pictures} ({len(pipe['times'])}) | {costs[0]:.1f} | {costs[1]:.1f} | {costs[0] / costs[1]:.2f} "
        f"| {pipe['mb']:.0f} | {pyav['mb']:.0f} | {other} of {len(pyav['times'])} |"
    )


def damaged(path: Path, python: Path) -> str:
    """What each side makes of a file with noise in its middle."""
    bytes_ = bytearray(path.read_bytes())
    third = len(bytes_) // 3
    bytes_[third : 2 * third] = random.Random(0).randbytes(third)
    broken = path.with_name("damaged.mp4")
    broken.write_bytes(bytes(bytes_))
    words = []
    for name, way, interpreter in (("the pipe", "pipe", Path(sys.executable)), ("PyAV", "pyav", python)):
        answer = run(way, broken, interpreter)
        end = answer["error"] or "ends well"
        words.append(f"{name} gives {len(answer['times'])} pictures and {end}")
    return f"Damaged H.264: {'; '.join(words)}."


def measure(given: argparse.Namespace, command: str) -> tuple[list[Any], list[str]]:
    """Fill ROWS; returns no claims, and what could not be measured."""
    from environments import environment_with

    failures = []
    columns = ("clip", "pictures (kept)", "pipe, CPU ms", "PyAV, CPU ms", "pipe over PyAV", "pipe, MB", "PyAV, MB",
               "other times")  # fmt: skip
    ROWS[:] = [f"`python {command}`", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            python = environment_with(PYAV, "numpy")
        except subprocess.CalledProcessError as error:
            return [], [f"PyAV cannot be installed: {error}"]
        sentence = ""
        for name in CLIPS:
            try:
                path = make_clip(name, Path(folder), given.seconds)
                ROWS.append(row(name, path, python, given.rounds))
                sentence = sentence or damaged(path, python)
            except (subprocess.CalledProcessError, RuntimeError) as error:
                failures.append(f"{name}: {error}")
        ROWS.extend(["", sentence, "", CHOICE])
    return [], failures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], Path(sys.argv[3]))))
    else:
        from performance import run_part

        run_part("decoders", __doc__, measure, lambda: "\n".join(ROWS))
