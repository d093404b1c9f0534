"""A lake from somebody else: what is wrong is named, with the way out, and nothing of Arrow or SQL comes through."""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from storage.delta import VERSION_KEY
from storage.erase.clean_log import clean_log
from storage.errors import LakeDamaged, LedgerError, NoSuchLake, SchemaMismatch, SnapshotMissing
from storage.example_rows import shard, source_name
from storage.labels.key import Recipe
from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.schema import SCHEMA_VERSION
from storage.snapshot import freeze, load
from storage.stats import hours_since_training, stats
from storage.tables import rows_to_table
from storage.upgrade import upgrade
from storage.why import why

ROWS = shard([source_name(0)])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.append("tracklets", ROWS["tracklets"])
    return lake


def written_by_another(folder: Path, name: str, rows: pa.Table, version: str | None) -> Lake:
    settings = {} if version is None else {VERSION_KEY: version}
    where = folder / "lake" / name
    DeltaTable.create(where, rows.schema, configuration=settings, raise_if_key_not_exists=False)
    write_deltalake(where, rows, mode="append")
    return Lake(folder / "lake")


@pytest.mark.parametrize("use", [lambda lake: lake.read("tracklets"), upgrade, lambda lake: freeze(lake)])
def test_a_table_that_no_version_wrote_is_refused(tmp_path: Path, use: Callable[[Lake], object]) -> None:
    lake = written_by_another(tmp_path, "tracklets", pa.table({"x": [1]}), None)
    with pytest.raises(SchemaMismatch, match=r"no version of this program wrote .*tracklets"):
        use(lake)


def test_a_table_with_other_columns_is_neither_read_nor_written(tmp_path: Path) -> None:
    lake = written_by_another(tmp_path, "videos", ROWS["videos"].drop_columns(["host"]), str(SCHEMA_VERSION))
    before = lake.disk.files(lake.root)
    for use in (lambda: lake.read("videos", ["url"]), lambda: lake.append("videos", ROWS["videos"])):
        with pytest.raises(SchemaMismatch, match="lacks host"):
            use()
    assert lake.disk.files(lake.root) == before


def test_a_user_s_own_column_does_no_harm(tmp_path: Path) -> None:
    rows = ROWS["videos"].append_column("note", pa.array(["mine"]))
    lake = written_by_another(tmp_path, "videos", rows, str(SCHEMA_VERSION))
    lake.append("videos", ROWS["videos"])
    assert lake.read("videos").num_rows == 2


def test_a_damaged_file_is_named(lake: Lake) -> None:
    (file,) = Path(lake.layout.table("tracklets")).glob("*.parquet")
    whole = file.read_bytes()
    for content in (b"PAR1" + b"x" * 500 + b"PAR1", whole[:100], whole[:2000] + b"\xff" * 500 + whole[2500:]):
        file.write_bytes(content)
        with pytest.raises(LakeDamaged, match=file.name):
            lake.read("tracklets")


def test_a_damaged_log_is_named_and_nothing_is_written(lake: Lake) -> None:
    Path(lake.layout.table("tracklets"), "_delta_log", f"{1:020d}.json").write_text('{"add":')
    before = lake.disk.files(lake.root)
    with pytest.raises(LakeDamaged, match=r"log of table .*tracklets"):
        lake.append("tracklets", ROWS["tracklets"])
    assert lake.disk.files(lake.root) == before


def test_a_log_cannot_name_a_file_outside_the_lake(lake: Lake, tmp_path: Path) -> None:
    (file,) = Path(lake.layout.table("tracklets")).glob("*.parquet")
    file.rename(tmp_path / "secret.parquet")
    log = Path(lake.layout.table("tracklets"), "_delta_log", f"{1:020d}.json")
    log.write_text(log.read_text().replace(file.name, "../../secret.parquet"))
    with pytest.raises(NoSuchLake, match="missing"):
        Lake(lake.root).read("tracklets")


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"hello" * 1000)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite is no ledger"):
        Ledger.open(tmp_path)
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other" / "ledger.sqlite") as db:
        db.execute("CREATE TABLE items (item_id TEXT, foo INT)")
    with pytest.raises(LedgerError, match="no such column"):
        Ledger.open(tmp_path / "other")


def test_a_file_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NoSuchLake, match="there can be no lake at"):
        Lake(tmp_path / "file")


DAMAGES: dict[str, Any] = {
    "a place out of range": {"source_of": [9, 9]},
    "a negative place": {"source_of": [-1, 0]},
    "a column too short": {"seconds": [1.0]},
    "numbers for ids": {"tracklets": [1, 2]},
    "no number": {"seconds": [float("nan"), 1.0]},
    "no source": {"sources": [None]},
    "no list": {"tracklets": "ab"},
    "tables": {"tables": 3},
    "a number for its successor": {"successor": 7},
}
DEEP = "[" * 100_000


@pytest.mark.parametrize("damage", ["text", "list", "empty", "loop", "deep", *DAMAGES])
def test_a_damaged_snapshot_is_named(lake: Lake, damage: str) -> None:
    digest = freeze(lake).digest
    path = Path(lake.layout.snapshot(digest))
    whole = json.loads(path.read_text())
    texts = {"text": '{"x"', "list": "[1]", "empty": "{}", "loop": json.dumps({"successor": digest}),
             "deep": DEEP}  # fmt: skip
    path.write_text(texts.get(damage) or json.dumps({**whole, **DAMAGES.get(damage, {})}))
    with pytest.raises(SnapshotMissing, match=f"{digest}.*damaged"):
        load(lake, digest)
    assert any("damaged" in text for text in reconcile(lake, Ledger.open(lake.root)).problems)


def test_a_snapshot_of_format_1_is_still_read(lake: Lake) -> None:
    snapshot = freeze(lake)
    members = [[m.tracklet_id, snapshot.sources.index(m.source_id), m.seconds] for m in snapshot.members]
    old = {"format": "hmmr-snapshot-1", "digest": snapshot.digest, "tables": dict(snapshot.tables),
           "sources": snapshot.sources, "members": members}  # fmt: skip
    Path(lake.layout.snapshot(snapshot.digest)).write_text(json.dumps(old))
    assert load(lake, snapshot.digest) == snapshot


@pytest.mark.parametrize("config", [DEEP, "{}", "[]", '{"lake_hours": "many"}', '{"lake_hours": NaN}'])
def test_a_run_that_does_not_say_what_it_saw_is_no_training(lake: Lake, config: str) -> None:
    runs = [run_row("told", 0, json.dumps({"lake_hours": 0.001})), run_row("strange", 1, config)]
    lake.append("runs", rows_to_table("runs", runs))
    hours = sum(ROWS["tracklets"]["seconds"].to_pylist()) / 3600
    assert hours_since_training(lake) == pytest.approx(hours - 0.001)


def run_row(run_id: str, minute: int, config: str) -> dict[str, Any]:
    return {
        "run_id": run_id, "kind": "train", "started_at": datetime(2026, 1, 1, 0, minute, tzinfo=UTC), "seconds": 1.0,
        "config": config, "snapshot": None, "checkpoint": None, "command": "", "commit": "", "curves": "{}",
    }  # fmt: skip


def test_text_that_is_no_json_hides_neither_the_chain_nor_the_counts(lake: Lake) -> None:
    strange = {**ROWS["videos"].to_pylist()[0], "evidence": DEEP, "stage_seconds": '{"pose": {"wall": "long"}}'}
    lake.append("videos", rows_to_table("videos", [strange]))
    chain = why(lake, ROWS["tracklets"]["tracklet_id"][0].as_py())
    assert chain["video"]["evidence"] == DEEP
    assert stats(lake).seconds_per_1000["total"] == {"gpu": 0.0}
    with pytest.raises(ValueError, match="not a recipe"):
        Recipe.from_json(DEEP)


@pytest.mark.parametrize("column", ["request", "evidence"])
def test_a_damaged_row_of_the_ledger_is_named_and_costs_one_item(tmp_path: Path, column: str) -> None:
    lake, ledger = Lake(tmp_path), Ledger.open(tmp_path)
    ledger.ask([Item("one", "films.example"), Item("two", "films.example")])
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute(f"UPDATE items SET {column} = ? WHERE item_id = 'one'", (DEEP,))
    damaged, whole = ledger.entries()
    assert "row of item one is damaged" in str(damaged.damaged)
    assert (damaged.item.request, damaged.evidence, whole.damaged) == ({}, None, None)
    assert any("row of item one is damaged" in text for text in reconcile(lake, ledger, repair=False).problems)
    found = reconcile(lake, ledger)
    assert (found.problems, len(found.repaired)) == ([], 1)
    assert ledger.entry("one").reason == "damaged_row"
    assert ledger.ask([Item("one", "films.example")], retry_failed=True) == 1
    assert {claim.item.item_id for claim in ledger.claim("w", limit=5)} == {"one", "two"}
    ledger.close()


@pytest.mark.parametrize("text", ["bad\udcff\udcfe.mp4", "nul\0.mp4", "line\nbreak", "x" * 5000, "\u202e"])
def test_any_text_can_be_asked_for(tmp_path: Path, text: str, new_database: Callable[[], str]) -> None:
    for where in (tmp_path, new_database()):
        ledger = Ledger.open(where)
        item = Item("one", text, text, text, {"address": text, "tags": [text], text: {"a": text}})
        assert ledger.ask([item]) == 1
        (claim,) = ledger.claim("w")
        assert claim.item.url is not None
        claim.item.url.encode()
        assert ledger.entry("one").damaged is None
        ledger.close()


def test_statistics_in_a_damaged_commit_are_named(lake: Lake) -> None:
    log = Path(lake.layout.table("tracklets"), "_delta_log", f"{1:020d}.json")
    log.write_text(log.read_text() + '{"minValues": ' + DEEP)
    with pytest.raises(LakeDamaged, match=log.name):
        clean_log(lake, "tracklets")


@pytest.mark.parametrize("ticks", [2**62, -(2**62)])
def test_a_time_that_no_calendar_has_is_named(tmp_path: Path, ticks: int) -> None:
    time = ROWS["videos"].schema.field("committed_at").type
    place = ROWS["videos"].schema.get_field_index("committed_at")
    rows = ROWS["videos"].set_column(place, ROWS["videos"].schema.field(place), pa.array([ticks]).cast(time))
    lake = written_by_another(tmp_path, "videos", rows, str(SCHEMA_VERSION))
    for use in (lambda: lake.read("videos"), lambda: lake.append("videos", rows)):
        with pytest.raises(SchemaMismatch, match=r"videos\.committed_at: row 0 holds a time that no calendar has"):
            use()


def test_a_ledger_whose_schema_is_no_text_is_called_damaged(tmp_path: Path) -> None:
    Ledger.open(tmp_path).close()
    content = (tmp_path / "ledger.sqlite").read_bytes()
    place = content.index(b"CREATE TABLE")
    (tmp_path / "ledger.sqlite").write_bytes(content[:place] + b"\xf0\x28 \xff" * 3 + content[place + 12 :])
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(tmp_path)
