"""Server and workers of one machine: started, found again, stopped. What is known of them lies in PROJECT/.hmmr.

Everything listens on loopback only. Nothing here imports Prefect: its settings are environment variables, and they
have to be set before it is imported.
"""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from flows.fleet.project_folder import PROJECT_VARIABLE
from storage.atomic import write_atomically
from storage.json_text import BadJsonError, read_object

POOLS = {"cpu": 4, "gpu": 1}
"""Work pools, and how many runs this machine's worker takes at once: a harvest with its workers; one training."""
DEFAULT_PORT = 4200
ALERT_VARIABLE = "HMMR_ALERT_URL"
"""Environment variable with the address that alerts are POSTed to as JSON."""
_START_S = 180.0
_STOP_S = 20.0


class FleetError(RuntimeError):
    """Server or workers could not be started or found; the message says the way out."""


@dataclass(frozen=True)
class Process:
    """A process of ours. `started` tells it from a later one that has the same id."""

    name: str
    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return _start_time(self.pid) == self.started


@dataclass(frozen=True)
class Fleet:
    """What runs for one project folder."""

    project: Path
    port: int
    processes: tuple[Process, ...] = ()
    auth: str | None = None
    """USER:PASSWORD of the server's basic authentication; None: it has none."""

    @property
    def folder(self) -> Path:
        """Where state and logs lie."""
        return self.project / ".hmmr"

    @property
    def api_url(self) -> str:
        """The server's API."""
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self) -> dict[str, str]:
        """Variables that Prefect's commands and our own need to speak to this server."""
        named = {
            "PREFECT_API_URL": self.api_url, "PREFECT_HOME": str(self.folder / "prefect"),
            PROJECT_VARIABLE: str(self.project), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
            "PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": "short-names",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        }  # fmt: skip
        return named | ({"PREFECT_API_AUTH_STRING": self.auth} if self.auth else {})

    def alive(self, name: str) -> Process | None:
        """The process of that name if it runs."""
        return next((process for process in self.processes if process.name == name and process.alive), None)


def read_fleet(project: Path) -> Fleet | None:
    """What was started for the folder; None if nothing was. FleetError for a state file that cannot be read."""
    project = project.absolute()
    try:
        content = read_object((project / ".hmmr" / "fleet.json").read_bytes())
        processes = tuple(Process(str(p["name"]), int(p["pid"]), str(p["started"])) for p in content["processes"])
        return Fleet(project, int(content["port"]), processes, _auth_of(project))
    except FileNotFoundError:
        return None
    except (BadJsonError, KeyError, TypeError, ValueError) as error:
        raise FleetError(
            f"{project}/.hmmr/fleet.json cannot be read ({error}); stop what runs, then remove it"
        ) from error


def start(project: Path, port: int | None, *, with_auth: bool, tell: Callable[[str], None]) -> Fleet:
    """Start what does not run yet: the server, its pools and deployments, a worker for each pool.

    Safe to call again: what runs is left alone, what has died comes back. FleetError says what did not come up.
    """
    project = project.absolute()
    (project / ".hmmr").mkdir(parents=True, exist_ok=True)
    with FileLock(project / ".hmmr" / "lock", timeout=_START_S):
        known = read_fleet(project)
        auth = _auth_of(project) or (_new_auth(project) if with_auth else None)
        running = {p.name: p for p in known.processes if p.alive} if known else {}
        kept = known.port if known is not None and "server" in running else None
        fleet = Fleet(project, port or kept or _free_port(), auth=auth)
        if "server" in running and known is not None and (known.port != fleet.port or known.auth != auth):
            raise FleetError(f"a server runs already at {known.api_url}, set up otherwise; `hmmr down` stops it")
        if "server" not in running:
            running["server"] = _spawn_server(fleet)
            tell(f"server: {fleet.api_url.removesuffix('/api')}")
        _write(fleet, running)
        _wait_for(fleet, running["server"])
        _set_up(fleet)
        tell("pools, deployments and automations are there")
        for pool, limit in POOLS.items():
            name = f"worker-{pool}"
            if name not in running:
                words = ["worker", "start", "--pool", pool, "--limit", str(limit), "--name", f"{name}-{os.getpid()}"]
                running[name] = _spawn(fleet, name, words)
                tell(f"worker of pool {pool}: {limit} runs at a time")
        return _write(fleet, running)


def stop(project: Path, tell: Callable[[str], None]) -> int:
    """Stop workers, their runs and the server; returns how many processes that were."""
    with FileLock(project.absolute() / ".hmmr" / "lock", timeout=_START_S):
        fleet = read_fleet(project)
        if fleet is None:
            return 0
        alive = [process for process in fleet.processes if process.alive]
        workers = [process for process in alive if process.name != "server"]
        runs = [run for worker in workers for run in _below(worker.pid)]
        _end([*runs, *workers])
        _end([process for process in alive if process.name == "server"])
        _write(fleet, {})
    for process in alive:
        tell(f"stopped {process.name}")
    return len(alive)


def _spawn_server(fleet: Fleet) -> Process:
    words = ["server", "start", "--host", "127.0.0.1", "--port", str(fleet.port)]
    keep = {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # on a busy machine Prefect's own 10 s end in "database is locked"
    }
    secured = {"PREFECT_SERVER_API_AUTH_STRING": fleet.auth} if fleet.auth else {}
    return _spawn(fleet, "server", words, keep | secured)


def _spawn(fleet: Fleet, name: str, words: Sequence[str], more: Mapping[str, str] | None = None) -> Process:
    with (fleet.folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *words], cwd=fleet.project, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, env=os.environ | fleet.environment() | dict(more or {}), start_new_session=True,
        )  # fmt: skip
    return Process(name, process.pid, _start_time(process.pid) or "")


def _set_up(fleet: Fleet) -> None:
    """In a process of its own, which sees the server's address before it imports Prefect."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.fleet.server_setup"], env=os.environ | fleet.environment(), cwd=fleet.project,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (fleet.folder / "setup.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise FleetError(f"the deployments were not made: {''.join(last)} ({fleet.folder}/setup.log has all)")


def _wait_for(fleet: Fleet, server: Process) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if not server.alive:
            raise FleetError(
                f"the server ended at once; is port {fleet.port} taken? --port names another "
                f"({fleet.folder}/server.log says why)"
            )
        with suppress(OSError), urllib.request.urlopen(f"{fleet.api_url}/health", timeout=2):
            return
        time.sleep(0.3)
    raise FleetError(f"the server did not come up within {_START_S:.0f} s; {fleet.folder}/server.log says why")


def _write(fleet: Fleet, running: Mapping[str, Process]) -> Fleet:
    """Keep what runs, and the variables for a shell."""
    content = {"port": fleet.port, "processes": [asdict(process) for process in running.values()]}
    write_atomically(fleet.folder / "fleet.json", json.dumps(content).encode())
    exports = [f"export {name}={shlex.quote(value)}" for name, value in fleet.environment().items()]
    _write_private(fleet.folder / "env", "\n".join(exports) + "\n")
    return Fleet(fleet.project, fleet.port, tuple(running.values()), fleet.auth)


def _new_auth(project: Path) -> str:
    auth = f"hmmr:{secrets.token_urlsafe(18)}"
    _write_private(project / ".hmmr" / "auth", auth)
    return auth


def _auth_of(project: Path) -> str | None:
    try:
        return (project / ".hmmr" / "auth").read_text().strip() or None
    except FileNotFoundError:
        return None


def _free_port() -> int:
    """Prefect's own port; where another program has it, one that is free."""
    for port in (DEFAULT_PORT, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise FleetError("no port of 127.0.0.1 is free")


def _write_private(path: Path, text: str) -> None:
    """For the owner's eyes only, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _start_time(pid: int) -> str | None:
    """When a process began, in clock ticks since boot; None if there is none of that id, or if it only waits to be
    collected."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _below(pid: int) -> Iterator[Process]:
    """Children of a process and theirs: flow runs are sessions of their own, which no signal to a worker reaches."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield from _below(child)
                yield Process(f"run {child}", child, _start_time(child) or "")


def _end(processes: Sequence[Process]) -> None:
    """A polite signal first: a harvest commits what is finished and gives the rest back."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end and any(process.alive for process in processes):
        time.sleep(0.1)
    for process in processes:
        _signal(process, signal.SIGKILL)


def _signal(process: Process, number: int) -> None:
    with suppress(ProcessLookupError):
        if process.alive:
            os.kill(process.pid, number)
