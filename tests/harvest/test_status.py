"""The books of a lake that is damaged, or that cannot be written."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harvest.status import lines, status_of
from storage.errors import LedgerError
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    ledger = Ledger.open(tmp_path / "lake")
    ledger.ask(Item(f"item{n}", "films.test", f"https://films.test/{n}", request={"address": "x"}) for n in range(200))
    ledger.claim("w", limit=2)
    ledger.fail("item0", "w", "gone")
    ledger.reject("item1", "w", "no_person", evidence={"message": "nobody was seen in it"})
    ledger.close()
    return tmp_path / "lake"


def test_a_row_that_cannot_be_read_is_one_line(lake: Path) -> None:
    with sqlite3.connect(lake / "ledger.sqlite") as db:
        db.execute("UPDATE items SET request = '{' WHERE item_id = 'item0'")
    said = "\n".join(lines(status_of(str(lake))))
    assert "row of item item0 is damaged" in said
    assert "nobody was seen in it" in said


def test_a_damaged_ledger_is_one_error(lake: Path) -> None:
    path = lake / "ledger.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(LedgerError, match=r"ledger\.sqlite is damaged.*restore it from a copy"):
        status_of(str(lake))
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match="is no ledger"):
        status_of(str(lake))


def test_a_lake_without_a_ledger_gets_none(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        status_of(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_cannot_be_written_has_books(lake: Path, tmp_path: Path, absent: Callable[[str], None]) -> None:
    room = tmp_path / "room"
    room.mkdir()
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", room], capture_output=True)
    if probe.returncode:
        absent(f"no mount namespaces here: {probe.stderr.decode().strip()}")
    command = f"{sys.executable} -c 'from cli.main import app; app()' harvest status --lake {room}/lake"
    inside = f"mount -t tmpfs tmpfs {room} && cp -r {lake} {room}/lake && mount -o remount,ro {room} && exec {command}"
    run = subprocess.run(["unshare", "-rm", "sh", "-c", inside], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "asked 200" in run.stdout
    shutil.rmtree(room)
