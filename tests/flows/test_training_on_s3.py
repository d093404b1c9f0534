"""Training on lakes of a real S3 server: the command whole, and two processes of which the parent is killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from storage.lake import Lake
from storage.layout import LEDGER_VARIABLE, WINDOWS_VARIABLE

PARENT = """
import sys
from flows.fleet.ranks import Training, train_in_ranks
from flows.training import configured
lake, labelled, out = sys.argv[1:]
config = configured("tiny", steps=400, phi="keypoints")
print(train_in_ranks(Training(lake, (labelled,), out, config), 2, print))
"""


@pytest.fixture
def lakes(
    fill_lake: Callable[..., Path], s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """URLs of a pool and of a labelled set."""
    monkeypatch.setenv(LEDGER_VARIABLE, f"sqlite:///{tmp_path}/ledger.sqlite")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(WINDOWS_VARIABLE, raising=False)
    urls = []
    for name, first, splits in (("pool", 0, ["unlabelled"] * 4), ("labelled", 100, ["labelled"] * 3)):
        local = Lake(fill_lake(tmp_path / name, first, splits))
        urls.append(f"{s3_bucket}/{uuid.uuid4().hex[:10]}")
        for table in ("tracklets", "features", "labels3d"):
            Lake(urls[-1]).append(table, local.read(table))
        shutil.rmtree(local.root)
    return urls[0], urls[1]


@pytest.mark.slow
def test_the_command_trains_on_a_lake_by_its_url_and_leaves_no_copy_of_it(
    lakes: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labelled = lakes
    monkeypatch.chdir(tmp_path)
    command = ["train", "--lake", pool, "--labelled", labelled, "--out", "out", "--preset", "tiny", "--steps", "2",
               "--phi", "keypoints"]  # fmt: skip
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert Path("out/model.pt").is_file()
    (run,) = Lake(pool).read("runs").to_pylist()
    assert f"--lake {pool}" in run["command"]
    windows = Path.home() / ".cache/hmmr/windows"
    assert windows.is_dir()
    assert not list(windows.glob("*/*/phi")), "an erasure would not find it"
    assert not [path for path in Path().iterdir() if path.name.startswith("s3")]


def test_an_out_that_is_a_url_is_refused_with_the_way_out(lakes: tuple[str, str]) -> None:
    pool, labelled = lakes
    result = CliRunner().invoke(app, ["train", "--lake", pool, "--labelled", labelled, "--out", "s3://bucket/out"])
    assert result.exit_code == 2
    assert "no folder of this machine" in " ".join(result.output.split())


@pytest.mark.slow
def test_two_processes_on_s3_end_with_a_killed_parent_and_go_on_in_the_next(
    lakes: tuple[str, str], tmp_path: Path
) -> None:
    root, out = str(Path(__file__).resolve().parents[2]), tmp_path / "out"
    mark = uuid.uuid4().hex
    env = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "HMMR_TEST_MARK": mark}
    command = [sys.executable, "-c", PARENT, *lakes, str(out)]
    parent = subprocess.Popen(command, env=env, cwd=tmp_path)
    _until(lambda: (out / "state.pt").exists(), 240)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _until(lambda: not _alive(mark), 60)
    assert not (out / "model.pt").exists(), "it was killed before its end"
    stores = list((tmp_path / "home/.cache/hmmr/windows").glob("*/*/phi"))
    assert len(stores) == 1, "one copy for both processes, kept for the next start"
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    steps = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("step ")]
    assert min(steps) > 200
    assert (out / "model.pt").is_file()
    assert Lake(lakes[0]).read("runs", ["kind"]).num_rows == 1
    assert not stores[0].exists()


def _until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def _alive(mark: str) -> list[str]:
    """Processes with this mark in their environment."""
    marked = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"HMMR_TEST_MARK={mark}".encode() in (folder / "environ").read_bytes():
                marked.append(folder.name)
        except OSError:
            continue
    return marked
