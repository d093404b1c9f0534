"""A study that is killed goes on: the same command gives the rows of an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.study.config import StudyConfig
from flows.study.cells import HeldOut
from flows.study.places import Places
from flows.study.run import study_on
from storage.lake import Lake

CONFIG = StudyConfig(
    name="unit", shares=(0.0, 1.0), seeds=(0,), budgets=("steps",), phi=("keypoints",), reprojected=False,
    step_shares_without_film=(1.0,),
    train=(("model.groups", 4), ("model.width", 24), ("preset", "tiny"), ("save_every", 4), ("steps", 12)),
)  # fmt: skip
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_kill import CONFIG, places_in
from flows.study.run import study_on

if __name__ == "__main__":
    study_on(CONFIG, places_in(Path(sys.argv[1])), 2, "make test")
"""


def places_in(folder: Path) -> Places:
    """The lakes that the fixture filled."""
    held_out = (HeldOut("films", folder / "held_out", ("dev",)),)
    return Places(folder / "lake", folder / "labelled", held_out, folder / "out")


@pytest.fixture
def filled(tmp_path: Path, fill_lake: Callable[..., Path]) -> Path:
    fill_lake(tmp_path / "a" / "held_out", 200, ["dev", "dev"])
    fill_lake(tmp_path / "a" / "lake", 0, ["unlabelled"] * 3)
    fill_lake(tmp_path / "a" / "labelled", 100, ["labelled"] * 2)
    return tmp_path / "a"


def _rows(folder: Path) -> dict[str, float]:
    table = Lake(folder / "lake").read("scores").to_pylist()
    found = {row["score_id"]: row["value"] for row in table if row["sequence"]}
    assert len({row["score_id"] for row in table}) == len(table)
    return found


def _kill_when(folder: Path, parts: int) -> None:
    """Start the study in processes of its own and kill them all once the lake has so many files of scores."""
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(Path(__file__).parent)])
    script = folder / "child.py"
    script.write_text(CHILD)
    told = [sys.executable, str(script), str(folder), str(Path(__file__).parent)]
    child = subprocess.Popen(told, env={**os.environ, "PYTHONPATH": path}, start_new_session=True)
    try:
        until = time.monotonic() + 180
        while len(list((folder / "lake" / "scores").glob("*.parquet"))) < parts:
            assert child.poll() is None, "the study ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_rows(filled: Path) -> None:
    undisturbed = filled.with_name("b")
    shutil.copytree(filled, undisturbed)
    _kill_when(filled, parts=1)
    before = _rows(filled)
    study_on(CONFIG, places_in(filled), 1, "make test")
    study_on(CONFIG, places_in(undisturbed), 1, "make test")
    after = _rows(filled)
    assert before.items() <= after.items()
    assert after == _rows(undisturbed)
