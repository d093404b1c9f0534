"""How long until `hmmr harvest run` has its first label, and `hmmr predict` its first body?

    python bench/start_claims.py [--clips FOLDER] [--against CHECKOUT] [--rounds 3]

The commands run as a user starts them, on a clip of one second and on a photograph of it. Seconds are CPU seconds of
the command and all its processes up to that moment: on an idle machine with one core that is the waiting time; with two
cores it is less, and on a busy machine the wall time says nothing. First label: the first frame whose people and joints
are read. First body: motion_0.npz lies in the output folder.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from claims import Claim  # noqa: E402

from body.ffmpeg import ffmpeg_program  # noqa: E402

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
COMMAND = """
import importlib, os, sys
try:  # where it lay before the redesign
    shown = importlib.import_module("flows.harvest_bars").HarvestProgress
except ImportError:
    shown = importlib.import_module("flows.progress").HarvestProgress
plain = shown.__call__
def noted(self, event):
    if getattr(event, "stage", "") == "label":
        open(os.environ["HMMR_FIRST_LABEL"], "w").close()
    plain(self, event)
shown.__call__ = noted
from cli.main import app
app()
"""
"""The command, with a mark on the disk at the first frame that is labelled."""


def seconds_until(mark: Path, arguments: list[str], checkout: Path, folder: Path) -> float:
    """CPU seconds of a command and its processes up to the moment in which `mark` appears. RuntimeError without it."""
    shutil.rmtree(folder, ignore_errors=True)
    mark.unlink(missing_ok=True)
    label = folder.with_suffix(".label")
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "HMMR_FIRST_LABEL": str(label)}
    program = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], env=environment, cwd=folder.parent,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not mark.exists() and program.poll() is None:
        time.sleep(0.01)
    spent = _cpu_s(program.pid)
    _, words = program.communicate()
    if not mark.exists():
        raise RuntimeError(f"hmmr {' '.join(arguments)}: {words.decode()[-500:]}")
    return spent


def _cpu_s(pid: int) -> float:
    """Of a process, its ended children and its living descendants."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * TICK_S + sum(_cpu_s(int(child)) for child in children)


def pictures(given: Path | None, scratch: Path) -> tuple[Path, Path]:
    """A clip of a second, and a photograph."""
    from harvest_speed import make_film

    clip, photo = scratch / "second.mp4", scratch / "photo.png"
    source = given / "pose2sim_single_cam02.mp4" if given else make_film(scratch, 2.0)
    person = given / "pose_squats.mp4" if given else source
    program = [ffmpeg_program(), "-v", "error", "-y", "-i"]
    subprocess.run([*program, str(source), "-t", "1", "-an", "-c:v", "libx264", str(clip)], check=True)
    subprocess.run([*program, str(person), "-frames:v", "1", str(photo)], check=True)
    return clip, photo


def measure(given: argparse.Namespace, command: str) -> tuple[list[Claim], list[str]]:
    """The claims, and what could not be measured."""
    claims, failures = [], []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        clip, photo = pictures(given.clips, scratch)
        lake, out = scratch / "lake", scratch / "out"
        label, body = lake.with_suffix(".label"), out / "motion_0.npz"
        harvest, predict = ["harvest", "run", str(clip), "--lake", str(lake)], ["predict", "--out", str(out)]
        for what, mark, arguments, most in (
            ("`hmmr harvest run` of a file: first label", label, harvest, 3.0),
            ("`hmmr predict` of a photograph: first body", body, [*predict, str(photo)], 5.0),
            ("`hmmr predict` of one second of video: first body", body, [*predict, str(clip)], 5.0),
        ):
            folder = lake if mark == label else out
            now, before = [], []
            try:
                for _ in range(given.rounds):
                    now.append(seconds_until(mark, arguments, ROOT, folder))
                    if given.against is not None and mark == label:  # that checkout had no released model
                        before.append(seconds_until(mark, arguments, given.against, folder))
            except RuntimeError as error:
                failures.append(str(error))
                continue
            claims.append(Claim(what, f"at most {most:g} s", now, command, at_most=most, before=before, unit=" s"))
    return claims, failures


if __name__ == "__main__":
    from performance import run_part

    run_part("start", __doc__, measure)
