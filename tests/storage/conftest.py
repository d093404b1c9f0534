"""A clock that stands; a PostgreSQL of our own; the three homes that a lake may have."""

import importlib.util
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.local_servers import PostgresServer, find_postgres, running_postgres
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


@pytest.fixture(scope="session")
def postgres_server(absent: Callable[[str], None]) -> Iterator[PostgresServer]:
    """The server of this session; a test that stops it starts it again."""
    programs = find_postgres()
    if importlib.util.find_spec("psycopg") is None:
        absent("no driver: pip install 'hmmr-harvest[postgres]'")
    if programs is None:
        absent("no PostgreSQL: scripts/install_test_programs installs it")
        raise RuntimeError
    with running_postgres(programs) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL, without the database, of the session's PostgreSQL."""
    return postgres_server.url


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Callable[[], str]:
    """A function that gives the URL of an empty database."""
    return postgres_server.new_database


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
