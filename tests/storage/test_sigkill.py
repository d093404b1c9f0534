"""SIGKILL at random moments and at every named point of a commit: the lake ends as if nothing had happened.

A two-worker harvest of 20 short films (plain runner, backend `truth`). HMMR_KILL_TRIALS says how often (default 5, of
which two at named points), HMMR_KILL_SEED which moments; `make trial` does 100.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from body.mp4 import ffmpeg_program
from harvest.identity import file_sha256
from openworld.films import make_films
from openworld.truth_file import truth_path
from openworld.worlds import SplitConfig, WorldConfig
from storage.commit import ORDER
from storage.lake import Lake
from storage.ledger import Ledger
from storage.reconcile import reconcile

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FILMS, MADE = 20, 4
TRIALS = int(os.environ.get("HMMR_KILL_TRIALS", "5"))
SEED = int(os.environ.get("HMMR_KILL_SEED", "0"))
POINTS = [f"{point}@{turn}" for turn in (1, 3) for point in ("opened", *ORDER, "closed")]
WHEN_COLUMNS = ("committed_at", "stage_seconds", "provenance", "evidence")
"""What may differ between two harvests of the same files: times and dates, and where they were read from."""

DRIVER = """
import json, os, signal, sys
from functools import partial
from pathlib import Path

import harvest.commit
from harvest.config import HarvestConfig
from harvest.run import harvest as run
from storage.commit import commit_shard
from storage.lake import Lake

def hook(reached, seen={}):
    seen[reached] = seen.get(reached, 0) + 1
    if f"{reached}@{seen[reached]}" == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    films, lake = sys.argv[1:3]
    harvest.commit.commit_shard = partial(commit_shard, between=hook)
    config = HarvestConfig(backend="truth", truth_films=Path(films), phis=("keypoints",), workers=2, shard_videos=4)
    print(json.dumps(run([films], Lake(lake), config).as_dict()))
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 short films: four that are rendered, and each again with another comment in its header, so another file."""
    folder = tmp_path_factory.mktemp("films")
    split = SplitConfig("unlabelled", MADE, crossing=1, cut=1, seconds=(0.9, 1.1))
    made = make_films(WorldConfig(splits=(split,), seed=5, width=128, height=96, processes=1), folder / "made")
    for number in range(FILMS):
        video = folder / "made" / "unlabelled" / f"{made[number % MADE].film_id}.mp4"
        copy = folder / "films" / f"film_{number:02d}.mp4"
        copy.parent.mkdir(exist_ok=True)
        command = [ffmpeg_program(), "-v", "error", "-i", video, "-c", "copy", "-metadata", f"comment={number}", copy]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        _copy_truth(truth_path(video), truth_path(copy), file_sha256(copy))
    return folder / "films"


def _copy_truth(source: Path, target: Path, digest: str) -> None:
    table = pq.read_table(source)
    place = table.schema.get_field_index("video_sha256")
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array([digest] * table.num_rows)), target)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("driver") / "driver.py"
    path.write_text(DRIVER)
    return path


def _start(driver: Path, films: Path, lake: Path, point: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, driver, films, lake, point], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _to_the_end(driver: Path, films: Path, lake: Path) -> dict[str, Any]:
    process = _start(driver, films, lake)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


def _content(lake: Lake) -> dict[str, list[str]]:
    found = {}
    for name in ORDER:
        rows = lake.read(name)
        rows = rows.drop_columns([column for column in WHEN_COLUMNS if column in rows.column_names])
        found[name] = sorted(map(repr, rows.to_pylist()))
    return found


@pytest.fixture(scope="module")
def undisturbed(driver: Path, films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, float]:
    """The lake of a run that nobody kills, and how long it took."""
    folder = tmp_path_factory.mktemp("whole") / "lake"
    begin = time.monotonic()
    report = _to_the_end(driver, films, folder)
    assert (report["asked"], report["done"]) == (FILMS, FILMS)
    assert report["tracklets"] >= FILMS
    return Lake(folder), time.monotonic() - begin


@pytest.mark.parametrize("trial", range(TRIALS))
def test_killed_and_run_again_is_as_if_nothing_had_happened(
    trial: int, driver: Path, films: Path, undisturbed: tuple[Lake, float], tmp_path: Path
) -> None:
    chance = random.Random(f"{SEED}/{trial}")
    whole, seconds = undisturbed
    kills = 0
    while kills < 1 + (chance.random() < 0.3):
        # Every other trial at a named point; a point that is not reached (all is done) ends the run by itself.
        point = chance.choice(POINTS) if trial % 2 else ""
        process = _start(driver, films, tmp_path / "lake", point)
        try:
            process.communicate(timeout=600 if point else chance.uniform(0.1, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        kills += 1
    report = _to_the_end(driver, films, tmp_path / "lake")
    assert (report["asked"], report["done"]) == (FILMS, FILMS)
    lake = Lake(tmp_path / "lake")
    found = reconcile(lake, Ledger.open(lake.root))
    assert (found.problems, found.repaired) == ([], [])
    assert _content(lake) == _content(whole)
