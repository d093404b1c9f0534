"""The lake's promise to every other room."""

import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from storage.errors import CommitAborted, NoSuchLake, SchemaMismatch
from storage.example_rows import feature_row, shard, source_name, tracklet_row
from storage.lake import Lake
from storage.schema import TABLES
from storage.tables import rows_to_table

MADE_BEFORE = Path(__file__).parents[1] / "made_at_21bc6ec" / "labelled"


def rows(*names: str) -> pa.Table:
    return rows_to_table("tracklets", [tracklet_row(name) for name in names])


def test_empty_lake_reads_as_empty_tables_with_schema(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for name, schema in TABLES.items():
        assert lake.read(name).schema.equals(schema)
        assert lake.version(name) == -1


def test_what_is_appended_is_read_back_exactly(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    table = rows(source_name(1), source_name(2))
    assert lake.append("tracklets", table) == 1
    assert lake.read("tracklets").equals(table)
    assert lake.read("tracklets", ["pts"]).schema.names == ["pts"]
    one = lake.read("tracklets", ["source_id"], pc.field("source_id") == source_name(2))
    assert one.column(0).to_pylist() == [source_name(2)]


def test_the_same_transaction_twice_is_one_commit(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = lake.append("tracklets", rows(source_name(1)), transaction="t")
    assert lake.append("tracklets", rows(source_name(1)), transaction="t") == first
    assert lake.read("tracklets").num_rows == 1
    lake.append("tracklets", rows(source_name(1)), transaction="u")
    assert lake.read("tracklets").num_rows == 2


def test_an_aborted_transaction_can_never_be_committed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.folder("tracklets").abort("t")
    with pytest.raises(CommitAborted):
        lake.append("tracklets", rows(source_name(1)), transaction="t")
    assert list(tmp_path.rglob("*.parquet")) == []
    lake.append("tracklets", rows(source_name(1)), transaction="u")
    assert not lake.folder("tracklets").abort("u")


def test_features_without_their_tracklet_do_not_exist(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    tracklets = [tracklet_row(source_name(i)) for i in range(3)]
    lake.append("features", rows_to_table("features", [feature_row(row) for row in tracklets]))
    assert lake.read("features").num_rows == 0
    lake.append("tracklets", rows_to_table("tracklets", tracklets[:2]))
    seen = lake.read("features", ["phi_dim", "source_id"])
    assert seen.column_names == ["phi_dim", "source_id"]
    assert seen.column("source_id").to_pylist() == [row["source_id"] for row in tracklets[:2]]


def test_a_stranger_s_pyarrow_reads_the_folder(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", rows(source_name(1)))
    table = pq.read_table(tmp_path / "tracklets")
    assert np.asarray(table.column("keypoints").to_pylist()).shape == (1, 30, 75)


def test_files_are_zstd_with_byte_stream_split_floats(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for name, table in shard([source_name(1)]).items():
        lake.append(name, table)
    for path in tmp_path.rglob("*.parquet"):
        group = pq.ParquetFile(path).metadata.row_group(0)
        for i in range(group.num_columns):
            column = group.column(i)
            assert column.compression == "ZSTD"
            is_float = column.physical_type in ("FLOAT", "DOUBLE")
            assert is_float == ("BYTE_STREAM_SPLIT" in column.encodings), column.path_in_schema


def test_the_log_says_nothing_about_the_rows(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", rows(source_name(1)), transaction="t")
    log = "".join(path.read_text() for path in (tmp_path / "tracklets" / "_delta_log").glob("*.json"))
    assert "hmmr.schema_version" in log
    assert source_name(1) not in log
    assert "minValues" not in log


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchLake, match="nowhere"):
        Lake(tmp_path / "nowhere", create=False)


def test_unknown_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="tracklets"):
        Lake(tmp_path).read("trackets")


def test_nothing_is_written_when_the_rows_do_not_fit(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(SchemaMismatch):
        lake.append("tracklets", rows(source_name(1)).drop_columns(["pts"]))
    assert lake.version("tracklets") == -1
    assert list(tmp_path.rglob("*.parquet")) == []


def _write_many(root: str, worker: int) -> None:
    lake = Lake(root)
    for i in range(6):
        lake.append("tracklets", rows(source_name(100 * worker + i)), transaction=f"{worker}/{i}")


def test_three_processes_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = Lake(tmp_path).read("tracklets", ["source_id"]).column(0).to_pylist()
    assert sorted(found) == sorted(source_name(100 * w + i) for w in range(3) for i in range(6))


def test_a_table_that_lacks_a_later_column_is_read_and_appended_to(tmp_path: Path) -> None:
    """A lake made at 21bc6ec: the columns read as null, and the next append adds them to the Delta table."""
    shutil.copytree(MADE_BEFORE, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    place = lake.layout.table("tracklets")
    assert "bridged_share" not in DeltaTable(place).to_pyarrow_table().column_names
    before = lake.read("tracklets")
    assert set(before["bridged_share"].to_pylist()) == {None}
    assert set(lake.read("features", ["turn"]).column(0).to_pylist()) == {None}
    settings = DeltaTable(place).metadata().configuration
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source_name(2), bridged_share=0.25)]))
    after = lake.read("tracklets")
    assert sorted(after["bridged_share"].to_pylist(), key=str) == [0.25, *[None] * before.num_rows]
    assert after.filter(pc.is_null(after["bridged_share"])).equals(before)
    assert "bridged_share" in DeltaTable(place).to_pyarrow_table().column_names
    assert DeltaTable(place).metadata().configuration == settings
