"""An S3 server that is away for a while: reads and commits go on when it answers again, and nothing is there twice."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from storage.commit import commit_shard
from storage.errors import ServiceAway
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.layout import Disk, Layout
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile

SOURCES = [source_name(i) for i in range(2)]


@pytest.fixture
def away(s3_server: Any) -> Iterator[Any]:
    """A function that takes the server away; it is back at the end of the test."""
    yield s3_server
    if not s3_server.running:
        s3_server.start()


@pytest.mark.slow
@pytest.mark.parametrize("home", ["s3"], indirect=True)
def test_a_commit_and_a_read_wait_for_the_server(home: Any, away: Any, caplog: pytest.LogCaptureFixture) -> None:
    lake, ledger = Lake(home.root), Ledger.open(home.root)
    ledger.ask(Item(source, "films.test") for source in SOURCES)
    ledger.claim("w", limit=2)
    points: list[str] = []

    def between(point: str) -> None:
        points.append(point)
        if point == "rejects":  # two tables are written, three are not
            away.stop()
            threading.Timer(8, away.start).start()

    with caplog.at_level(logging.WARNING):
        held = commit_shard(lake, ledger, "w", shard(SOURCES), {s: Finished("k1", 2) for s in SOURCES},
                            between=between)  # fmt: skip
    assert sorted(held) == sorted(SOURCES)
    assert {name: lake.read(name).num_rows for name in ("tracklets", "features", "videos", "rejects")} == {
        "tracklets": 4, "features": 4, "videos": 2, "rejects": 2,
    }  # fmt: skip
    assert sum("does not answer" in record.message for record in caplog.records) == 1
    rows: list[pa.Table] = []
    away.stop()
    reader = threading.Thread(target=lambda: rows.append(Lake(home.root, create=False).read("tracklets")))
    reader.start()
    time.sleep(2)
    away.start()
    reader.join(timeout=120)
    assert rows[0].num_rows == 4
    found = reconcile(lake, ledger)
    assert (found.problems, found.repaired) == ([], [])
    ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize("home", ["s3"], indirect=True)
def test_rows_without_a_transaction_are_not_doubled(home: Any, away: Any) -> None:
    lake = Lake(home.root)
    lake.append("videos", shard(SOURCES)["videos"])
    away.stop()
    threading.Timer(5, away.start).start()
    lake.append("videos", shard([source_name(7)])["videos"])
    assert sorted(lake.read("videos")["source_id"].to_pylist()) == sorted([*SOURCES, source_name(7)])


def test_patience_with_a_server_that_never_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_REGION": "us-east-1", "HMMR_PATIENCE_S": "0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with pytest.raises(ServiceAway, match=r"127\.0\.0\.1:9"):
        Disk(Layout.of("s3://nowhere/lake")).exists("s3://nowhere/lake/x")
