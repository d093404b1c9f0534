"""A real Prefect server and a real worker: deploy, schedule, train by name, and the trigger after a harvest."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harvest.config import HarvestConfig
from harvest.run import harvest
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.worlds import SplitConfig, WorldConfig
from storage.lake import Lake

ROOT = Path(__file__).resolve().parents[2]
PREFECT = [sys.executable, "-m", "prefect"]
LIMIT_S = 300


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A project folder of its own, with a server and workers that live as long as the test."""

    folder: Path
    env: dict[str, str]

    def prefect(self, *args: str) -> str:
        done = subprocess.run(
            [*PREFECT, *args], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        body = json.dumps({"flows": {"name": {"any_": [flow]}}, "limit": 50}).encode()
        request = urllib.request.Request(
            self.env["PREFECT_API_URL"] + "/flow_runs/filter", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return list(json.load(answer))

    def wait(self, flow: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            for run in self.flow_runs(flow):
                if wanted(run):
                    return run
            time.sleep(1)
        raise AssertionError([(run["name"], run["state_name"], run["auto_scheduled"]) for run in self.flow_runs(flow)])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("project")
    for name in ("flows", "harvest", "storage", "body", "openworld", "hmmr_model", "evaluation", "dashboard"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "prefect.yaml", folder)
    shutil.copy(ROOT / "prefect.toml", folder)
    port = _free_port()
    env = os.environ | {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(folder),
        "PWD": str(folder),
    }
    log = (folder / "server.log").open("w")
    here: dict[str, Any] = {"cwd": folder, "env": env, "stdout": log, "stderr": log, "start_new_session": True}
    processes = [subprocess.Popen([*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], **here)]
    try:
        _wait_for_health(env["PREFECT_API_URL"])
        made = Site(folder, env)
        for pool in ("cpu", "gpu"):
            made.prefect("work-pool", "create", pool, "--type", "process")
        made.prefect("--no-prompt", "deploy", "--all")
        processes += [subprocess.Popen([*PREFECT, "worker", "start", "--pool", p], **here) for p in ("cpu", "gpu")]
        yield made
    finally:
        for process in reversed(processes[1:]):
            process.terminate()
        for run in _ours(env["PREFECT_API_URL"]) - {process.pid for process in processes}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run, signal.SIGKILL)
        processes[0].terminate()
        for process in processes:
            _end(process)
        assert not _ours(env["PREFECT_API_URL"]), "a flow run outlived its test"


def _ours(api: str) -> set[int]:
    """Processes that talk to this server: a flow run is a session of its own, which no signal to its worker reaches."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"PREFECT_API_URL={api}\0".encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """A worker waits for the flow run that it started; a test does not."""
    try:
        process.wait(timeout=8)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def _wait_for_health(api: str) -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the Prefect server did not come up")


@pytest.mark.slow
@pytest.mark.server
def test_the_cron_schedule_makes_runs(site: Site) -> None:
    """Guards against the silent scheduler failure of docs/dependencies.md, prefect."""
    run = site.wait("harvest", lambda run: run["auto_scheduled"] and run["state_type"] == "SCHEDULED")
    assert run["expected_start_time"].startswith("20")


@pytest.fixture(scope="module")
def film(site: Site) -> Path:
    """One synthetic film of two seconds, named in the project's list, and its labelled lake."""
    films = site.folder / "films"
    make_films(WorldConfig((SplitConfig("labelled", 1, family="narrow", camera="lab"),), processes=1), films)
    made = next((films / "labelled").glob("*.mp4"))
    (site.folder / "sources.yaml").write_text(json.dumps({"sources": [{"file": str(made)}]}))
    labelled = Lake(site.folder / "labelled")
    assert harvest([str(made)], labelled, HarvestConfig(workers=1)).tracklets == 1
    assert attach_truth(labelled, films / "labelled") == 1
    return made


@pytest.mark.slow
@pytest.mark.server
def test_harvest_train_by_name_and_trigger(site: Site, film: Path) -> None:
    """The scheduled harvest fills the lake; training runs by the command as people type it; growth starts another."""
    site.prefect("deployment", "run", "harvest/harvest", "--watch")
    assert Lake(site.folder / "lake").read("tracklets", ["tracklet_id"]).num_rows == 1
    assert not site.flow_runs("train-hmmr"), "one short film is not growth enough to train"

    site.prefect("deployment", "run", "train-hmmr", "--param", "preset=tiny", "--param", "steps=3", "--watch")
    (first,) = site.flow_runs("train-hmmr")
    assert first["state_type"] == "COMPLETED"
    assert list((site.folder / "runs").glob("tiny-seed0-*/model.pt"))
    assert Lake(site.folder / "lake").read("runs", ["kind"]).num_rows == 1

    site.prefect("deployment", "run", "harvest/harvest", "--param", "grow_hours=0", "--watch")
    triggered = site.wait("train-hmmr", lambda run: run["id"] != first["id"] and run["state_type"] == "RUNNING")
    assert triggered["created_by"]["type"] == "AUTOMATION"
    assert triggered["parameters"]["grown_to_version"] >= 0
    for name in site.folder.glob("home/prefect.db*"):
        assert str(film).encode() not in name.read_bytes(), "Prefect's database must hold no source"
