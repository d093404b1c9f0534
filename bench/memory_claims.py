"""Does the memory of a harvest stay flat from a minute of video to many?

    python bench/memory_claims.py [--minutes 60]

One film, repeated, is labelled as one minute and as `--minutes`, each in a process of its own; peak resident memory of
the process. A stand-in answers for the networks (one person who swings through the picture), since their memory does
not depend on the length and their time does.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from claims import Claim  # noqa: E402
from harvest_speed import make_film  # noqa: E402

from body.ffmpeg import ffmpeg_program  # noqa: E402


def peak_mb(film: Path, minutes: float, folder: Path) -> float:
    """Peak memory of labelling the film, repeated to so many minutes."""
    video = folder / f"{minutes:g}.mp4"
    loop = [ffmpeg_program(), "-v", "error", "-y", "-stream_loop", "-1", "-i", str(film), "-t", str(60 * minutes)]
    subprocess.run([*loop, "-c", "copy", str(video)], check=True)
    again = [sys.executable, str(ROOT / "bench" / "harvest_speed.py"), str(video), "--peak"]
    answer = subprocess.run(again, capture_output=True, text=True, check=True, env=None, cwd=ROOT)
    return float(answer.stdout.split()[-1])


def measure(given: argparse.Namespace, command: str) -> tuple[list[Claim], list[str]]:
    """One claim."""
    with tempfile.TemporaryDirectory() as name:
        film = make_film(Path(name), 4.0)
        short, long = (peak_mb(film, minutes, Path(name)) for minutes in (1, given.minutes))
    return [Claim(
        f"peak memory of {given.minutes:g} minutes over one minute", "at most 1.05", [long / short],
        f"{command} --minutes {given.minutes:g}", at_most=1.05, note=f"{long:.0f} against {short:.0f} MB",
    )], []  # fmt: skip


if __name__ == "__main__":
    from performance import run_part

    run_part("memory", __doc__, measure)
