"""The ledger's database: made once, brought up to date, waited for, and right for many processes at once."""

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from storage.errors import LedgerError, ServiceAway
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.ledger.tables import METADATA

OLD = Path(__file__).parent / "ledger_of_21bc6ec.sql"


def test_a_ledger_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.executescript(OLD.read_text())
    for _ in range(2):
        ledger = Ledger.open(tmp_path)
        there = inspect(ledger.engine)
        assert set(METADATA.tables) <= set(there.get_table_names())
        for table in METADATA.sorted_tables:
            assert {i.name for i in table.indexes} <= {i["name"] for i in there.get_indexes(table.name)}
        assert (ledger.books().done, ledger.books().pending) == (1, 1)
        assert ledger.entry("one").label_key == "k1"
        assert ledger.tombstones.has("source", "gone")
        ledger.close()
    assert [claim.item.item_id for claim in Ledger.open(tmp_path).claim("w", limit=5)] == ["two"]


def test_a_postgresql_url_needs_no_name_of_a_driver(new_database: Callable[[], str]) -> None:
    url = new_database().replace("postgresql+psycopg://", "postgresql://")
    ledger = Ledger.open(url)
    assert ledger.ask([Item("a", "films.test")]) == 1
    ledger.close()


@pytest.mark.parametrize("url", ["postgresql+nodriver://h/d", "nothing://h/d", "sqlite:///", "://"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    if url == "sqlite:///":
        Ledger(url).close()  # a database in memory
        return
    with pytest.raises(LedgerError, match="URL cannot be used"):
        Ledger(url)


OPEN_AND_ASK = """
import random, sys
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger

names = [f"item{n:04d}" for n in range(2500)]
random.Random(int(sys.argv[2])).shuffle(names)
ledger = Ledger(sys.argv[1])
ledger.ask(Item(name, "films.test") for name in names)
taken = [claim.item.item_id for _ in range(20) for claim in ledger.claim(sys.argv[2], limit=3)]
print(" ".join(taken))
"""


def test_eight_processes_on_an_empty_postgresql_with_shuffled_lists(new_database: Callable[[], str]) -> None:
    url = new_database()
    command = [sys.executable, "-c", OPEN_AND_ASK, url]
    runs = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for n in range(8)]  # fmt: skip
    said = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0] * 8, said
    taken = [name for out, _ in said for name in out.split()]
    assert len(taken) == len(set(taken)) == 8 * 60
    ledger = Ledger(url)
    assert ledger.books().asked == 2500
    ledger.close()


def test_a_database_that_is_away_is_waited_for_and_that_is_said_once(
    postgres_server: Any, new_database: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(new_database())
    ledger.ask(Item(name, "films.test") for name in ("a", "b", "c"))
    ledger.claim("w")
    ended: list[str] = []

    def work(do: Callable[[], object], name: str) -> None:
        do()
        ended.append(name)

    jobs = {
        "reject": lambda: ledger.reject("a", "w", "seen"), "claim": lambda: ledger.claim("v"),
        "beat": lambda: ledger.leases.beat("v"), "books": ledger.books, "pace": lambda: ledger.hosts.admit("h", 1),
        "graves": lambda: ledger.tombstones.has("source", "a"), "opened": lambda: Ledger(ledger.url).close(),
    }  # fmt: skip
    threads = [threading.Thread(target=work, args=(do, name)) for name, do in jobs.items()]
    postgres_server.stop()
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        time.sleep(3)
        assert ended == []
        postgres_server.start()
        for thread in threads:
            thread.join(timeout=60)
    assert sorted(ended) == sorted(jobs)
    assert sum("does not answer" in record.message for record in caplog.records) == 1
    assert sum("answers again" in record.message for record in caplog.records) == 1
    assert ledger.books().rejected == 1
    ledger.close()


def test_a_connection_that_is_lost_in_mid_transaction_is_no_loss(new_database: Callable[[], str]) -> None:
    """A backend is ended while its transaction runs: the step is made again, once."""
    from sqlalchemy import Connection, insert, text

    from storage.ledger.tables import HOSTS

    ledger, tries = Ledger(new_database()), []

    def work(connection: Connection) -> int:
        tries.append(1)
        mine = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        row = {"host": "h", "interval_s": 0, "next_at": 0, "day": 0, "spent": 0, "banned_until": 0}
        connection.execute(insert(HOSTS).values(**row))
        if len(tries) == 1:
            with ledger.engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({mine})"))
        return int(connection.execute(text("SELECT count(*) FROM hosts")).scalar_one())

    assert ledger.database.run(work) == 1
    assert len(tries) == 2
    ledger.close()


def test_patience_ends(postgres_server: Any, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(new_database())
    monkeypatch.setenv("HMMR_PATIENCE_S", "1")
    postgres_server.stop()
    try:
        with pytest.raises(ServiceAway, match="has not answered"):
            ledger.books()
    finally:
        postgres_server.start()
    monkeypatch.setenv("HMMR_PATIENCE_S", "a while")
    assert ledger.books().asked == 0
    ledger.close()


def test_a_leases_time_is_the_servers(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is an hour ahead takes nothing from the others, and keeps what it holds."""
    url = new_database()
    right, wrong = Ledger(url), Ledger(url)
    right.ask(Item(name, "films.test") for name in ("a", "b"))
    assert len(right.claim("right")) == 1
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + 3600)
    assert [claim.item.item_id for claim in wrong.claim("wrong", limit=5)] == ["b"]
    assert abs(wrong.clock() - true_time()) < 5
    monkeypatch.undo()
    assert right.claim("right", limit=5) == []
    right.close()
    wrong.close()


def test_after_an_absence_everybody_has_time_to_beat(postgres_server: Any, new_database: Callable[[], str]) -> None:
    url = new_database()
    worker, taker = Ledger(url), Ledger(url)
    worker.ask([Item("a", "films.test")])
    worker.claim("worker", lease_s=1.0)
    postgres_server.stop()
    time.sleep(1.5)
    postgres_server.start()
    assert taker.claim("taker") == [], "the lease ended while nobody could renew it"
    worker.leases.beat("worker")
    assert worker.entry("a").worker == "worker"
    worker.close()
    taker.close()
