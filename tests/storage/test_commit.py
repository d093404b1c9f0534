"""A commit of a shard can be cut after any step, on a local folder, on S3, and with the ledger in PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest

from storage.commit import ORDER, commit_shard, maintain
from storage.delta import DeltaFolder
from storage.errors import CommitAborted
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile

SOURCES = [source_name(i) for i in range(3)]
FINISHED = {source: Finished("k1", 2) for source in SOURCES}


@pytest.fixture
def lake(home: Any) -> Lake:
    return Lake(home.root)


@pytest.fixture
def ledger(lake: Lake) -> Ledger:
    ledger = Ledger.open(lake.root)
    ledger.ask(Item(source, "films.test") for source in SOURCES)
    ledger.claim("w", limit=3)
    return ledger


def test_rows_are_in_and_items_are_done(lake: Lake, ledger: Ledger) -> None:
    seen: list[str] = []
    commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED, between=seen.append)
    assert seen == ["opened", *ORDER, "closed"]
    assert lake.read("tracklets").num_rows == lake.read("features").num_rows == 6
    assert ledger.books().done == 3
    assert ledger.entry(SOURCES[0]).label_key == "k1"
    assert ledger.open_commits(older_than_lease=False) == {}


def test_items_that_the_worker_lost_are_left_out(lake: Lake, ledger: Ledger) -> None:
    assert commit_shard(lake, ledger, "other", shard(SOURCES), FINISHED) == ()
    assert lake.read("videos").num_rows == lake.read("tracklets").num_rows == 0
    ledger.reject(SOURCES[1], "w", "seen")
    assert commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED) == (SOURCES[0], SOURCES[2])
    for name in ORDER:
        assert SOURCES[1] not in lake.read(name)["source_id"].to_pylist()
    assert ledger.books().done == 2
    assert ledger.open_commits(older_than_lease=False) == {}


def test_a_slow_worker_whose_commit_was_rolled_back_commits_nothing(lake: Lake, ledger: Ledger) -> None:
    def overtake(point: str) -> None:
        if point == "videos":
            (commit_id,) = ledger.open_commits(older_than_lease=False)
            assert lake.folder("tracklets").abort(commit_id)
            ledger.close_commit(commit_id, done=False)

    with pytest.raises(CommitAborted):
        commit_shard(lake, ledger, "w", shard(SOURCES), FINISHED, between=overtake)
    assert lake.read("tracklets").num_rows == lake.read("features").num_rows == 0
    assert ledger.books().pending == 3


def test_maintenance_leaves_few_files_and_every_row(home: Any) -> None:
    lake, ledger = Lake(home.root), Ledger.open(home.root)
    for number in range(4):
        source = source_name(number)
        ledger.ask([Item(source, "films.test")])
        ledger.claim("w")
        commit_shard(lake, ledger, "w", shard([source]), {source: Finished("k1", 2)})
    before = {name: sorted(map(repr, lake.read(name).to_pylist())) for name in ORDER}
    assert maintain(lake, ledger, many_files=5).joined == {}
    assert set(maintain(lake, ledger, many_files=4).joined) == {"tracklets", "features", "videos", "rejects", "shots"}
    table = lake.folder("features").open()
    assert table is not None
    assert len(lake.folder("features").file_names(table)) == 1
    assert {name: sorted(map(repr, Lake(home.root).read(name).to_pylist())) for name in ORDER} == before
    found = reconcile(lake, ledger)
    assert (found.problems, found.repaired) == ([], [])
    ledger.close()


def test_a_read_looks_at_the_last_tables_log_once_for_all_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, ledger = Lake(tmp_path), Ledger.open(tmp_path)
    for number in range(5):
        source = source_name(number)
        ledger.ask([Item(source, "films.test")])
        ledger.claim("w")
        commit_shard(lake, ledger, "w", shard([source]), {source: Finished("k1", 2)})
    opened: list[str] = []
    real = DeltaFolder.open

    def counted(folder: DeltaFolder) -> Any:
        opened.append(folder.name)
        return real(folder)

    monkeypatch.setattr(DeltaFolder, "open", counted)
    assert Lake(tmp_path).read("videos").num_rows == 5
    assert sorted(opened) == ["tracklets", "videos"]
    ledger.close()


def test_commits_join_small_files_and_shorten_the_log_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader never meets more files than MANY_FILES and a few; of two runs on one ledger one joins them."""
    monkeypatch.setattr("storage.commit.MANY_FILES", 5)
    lake, ledger = Lake(tmp_path), Ledger.open(tmp_path)
    most_files = 0
    for number in range(24):
        source = source_name(number)
        ledger.ask([Item(source, "films.test")])
        ledger.claim("w")
        commit_shard(lake, ledger, "w", shard([source]), {source: Finished("k1", 2)})
        table = lake.folder("videos").open()
        assert table is not None
        most_files = max(most_files, len(table.file_uris()))
    assert most_files <= 10
    assert Lake(tmp_path).read("videos").num_rows == 24
    assert not ledger.leases.first_in_turn("join_files", 4)
    assert ledger.leases.first_in_turn("join_files", 1_000)
    found = reconcile(lake, ledger)
    assert (found.problems, found.repaired) == ([], [])
    ledger.close()


def test_a_table_of_an_older_program_gets_the_settings_of_a_short_log(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    folder = lake.folder("videos")
    lake.append("videos", shard([source_name(0)])["videos"])
    table = folder.open()
    assert table is not None
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 30 days"})
    folder.shorten_log()
    table = folder.open()
    assert table is not None
    assert table.metadata().configuration["delta.logRetentionDuration"] == "interval 1 days"
    assert table.metadata().configuration["hmmr.schema_version"]
    assert lake.read("videos").num_rows == 1
