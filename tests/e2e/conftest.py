"""A real Prefect server and real workers, in a project folder that holds no code."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import fill_lake as fill_lake

ROOT = Path(__file__).resolve().parents[2]
PREFECT = [sys.executable, "-m", "prefect"]
LIMIT_S = 300


@dataclass
class Site:
    """A project folder of its own, with a server and workers that live as long as the test."""

    folder: Path
    env: dict[str, str]
    alerts: list[dict[str, str]]
    """What the server POSTed to the address that alerts go to."""

    def prefect(self, *args: str, cwd: Path | None = None, fails: bool = False) -> str:
        """What the command prints; it must succeed, or fail where that is said."""
        done = subprocess.run(
            [*PREFECT, *args], cwd=cwd or self.folder, env=self.env, capture_output=True, text=True, timeout=LIMIT_S
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The server's answer to a request of its API."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.env["PREFECT_API_URL"] + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """Runs of a flow."""
        return list(self.post("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "limit": 50}))

    def log_lines(self, run: dict[str, Any]) -> list[str]:
        """What a run has logged."""
        rows = self.post("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200})
        return [str(row["message"]) for row in rows]

    def wait(self, flow: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first run of the flow that is as wanted."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            for run in self.flow_runs(flow):
                if wanted(run):
                    return run
            time.sleep(0.5)
        raise AssertionError([(run["name"], run["state_name"], run["auto_scheduled"]) for run in self.flow_runs(flow)])

    def processes_with(self, run: dict[str, Any]) -> list[int]:
        """Processes of a flow run on this machine, those that it started too."""
        mark, of_run = f"PREFECT__FLOW_RUN_ID={run['id']}\0".encode(), []
        for pid in _ours(self.env["PREFECT_API_URL"]):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    of_run.append(pid)
        return of_run

    def process_of(self, run: dict[str, Any]) -> int:
        """Process id of a flow run on this machine: the oldest."""
        for pid in sorted(self.processes_with(run), key=_began):
            with contextlib.suppress(OSError):
                if b"spawn_main" not in _command(pid):
                    return pid
        raise AssertionError(f"no process of run {run['name']}")


def _began(pid: int) -> int:
    """In ticks of the system's clock; process ids begin again at some time."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return 0


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Server, pools, deployments (made from another folder than the project's) and one worker a pool."""
    folder, elsewhere = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("elsewhere")
    (folder / "prefect.toml").write_text((ROOT / "prefect.toml").read_text())
    port, alerts = free_port(), list[dict[str, str]]()
    env = os.environ | {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "HMMR_PROJECT": str(folder),
    }
    receiver = _receiver(alerts)
    env["HMMR_ALERT_URL"] = f"http://127.0.0.1:{receiver.server_port}/"
    log = (folder / "server.log").open("w")
    here: dict[str, Any] = {"cwd": elsewhere, "env": env, "stdout": log, "stderr": log, "start_new_session": True}
    processes = [subprocess.Popen([*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], **here)]
    try:
        _wait_for_health(env["PREFECT_API_URL"])
        made = Site(folder, env, alerts)
        subprocess.run([sys.executable, "-m", "flows.fleet.server_setup"], cwd=elsewhere, env=env, check=True)
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
        receiver.shutdown()
        assert not _ours(env["PREFECT_API_URL"]), "a flow run outlived its test"


def _receiver(alerts: list[dict[str, str]]) -> HTTPServer:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
