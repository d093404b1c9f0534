"""A snapshot as a dataset of its own: Parquet, manifest, attribution and datasheet in one folder, never pixels."""

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.atomic import file_sha256, work_folder
from storage.delta import encodings
from storage.errors import LakeError
from storage.export.datasheet import datasheet
from storage.labels.versions import same_labels
from storage.lake import NEEDS_TRACKLET, Lake
from storage.schema import SCHEMA_VERSION
from storage.snapshot import Snapshot

FORMAT = "hmmr-dataset-1"
PART_BYTES = 256 << 20
"""Uncompressed size of a part: what a reader of one file may have to hold."""

_BY_TRACKLET = ("tracklets", *NEEDS_TRACKLET)
_BY_SOURCE = ("videos", "shots", "rejects")


def export_dataset(lake: Lake, snapshot: Snapshot, out: Path, *, joints: Sequence[str] = ()) -> Path:
    """Write the snapshot to the new folder `out`, whole or not at all; returns it.

    `joints`: names of the 25 keypoints, for the description. Tables: of the snapshot's tracklets; videos, shots and
    rejects of its sources. LakeError if `out` exists or a tracklet of the list is not in the lake.
    """
    if out.exists():
        raise LakeError(f"{out} exists: name a new folder")
    with work_folder(out.parent, out.name) as work:
        counts = {name: _write_table(lake, name, snapshot, work) for name in (*_BY_TRACKLET, *_BY_SOURCE)}
        if counts["tracklets"] != len(snapshot):
            missing = len(snapshot) - counts["tracklets"]
            raise LakeError(f"{missing} tracklets of snapshot {snapshot.digest[:12]} are not in {lake.root}")
        _describe(lake, snapshot, work, counts, joints)
        _write_manifest(work)
        os.rename(work, out)
    os.chmod(out, 0o755)
    return out


def _write_table(lake: Lake, name: str, snapshot: Snapshot, work: Path) -> int:
    dataset = lake.dataset(name)
    if dataset is None:
        return 0
    where = pc.field("tracklet_id").isin(snapshot.ids) if name in _BY_TRACKLET else same_labels(lake, snapshot.ids)
    rows = 0
    for number, part in enumerate(_parts(dataset.scanner(filter=where, batch_size=512).to_batches(), dataset.schema)):
        path = work / "data" / name / f"part-{number:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(part, path, row_group_size=512, **encodings(part.schema))
        rows += part.num_rows
    return rows


def _parts(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
        if sum(waiting_batch.nbytes for waiting_batch in waiting) >= PART_BYTES:
            yield pa.Table.from_batches(waiting, schema)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _describe(lake: Lake, snapshot: Snapshot, work: Path, counts: dict[str, int], joints: Sequence[str]) -> None:
    info = {
        "format": FORMAT, "schema_version": SCHEMA_VERSION, "digest": snapshot.digest, "hours": snapshot.hours,
        "rows": counts, "sources": len(snapshot.sources), "joints": list(joints),
        "units": "px of the source frame; 3D in metres, camera frame; time in the stream's own time base",
        "pixels": "none",
    }  # fmt: skip
    (work / "info.json").write_text(json.dumps(info, indent=1, sort_keys=True) + "\n")
    (work / "ATTRIBUTION.csv").write_text(_attribution(work), newline="")
    (work / "DATASHEET.md").write_text(datasheet(lake, snapshot))
    (work / "README.md").write_text(_README)


def _attribution(work: Path) -> str:
    columns = ["source_id", "url", "host", "uploader", "title", "licence", "content_sha256"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    listed_sources = set()
    for path in sorted((work / "data" / "videos").glob("*.parquet")):
        for row in pq.read_table(path, columns=columns).to_pylist():
            if row["source_id"] not in listed_sources:
                listed_sources.add(row["source_id"])
                writer.writerow([_inert(row[column]) for column in columns])
    return text.getvalue()


def _inert(value: str | None) -> str:
    """Hosts' text, safe in a spreadsheet: a cell that starts like a formula gets a quote before it."""
    text = (value or "").replace("\r", " ").replace("\n", " ")
    return "'" + text if text[:1] in "=+-@\t" else text


def _write_manifest(work: Path) -> None:
    lines = [
        f"{file_sha256(path)}  {path.relative_to(work).as_posix()}"
        for path in sorted(work.rglob("*"))
        if path.is_file()
    ]
    (work / "manifest.sha256").write_text("\n".join(lines) + "\n")


_README = """# A dataset of pseudo-labelled tracklets

`data/tracklets/*.parquet` has a row for each person followed through a shot: times, boxes and 25 keypoints a frame.
`data/features` holds image features (float16, row-major), `data/videos` where each source came from. No pixels.

    import pandas; pandas.read_parquet("data/tracklets")
    duckdb.sql("select source_id, sum(seconds) from 'data/tracklets/*.parquet' group by 1")

`sha256sum -c manifest.sha256` checks the files, `hmmr lake snapshot verify .` the rows as well. DATASHEET.md says how
it was made and what is wrong with it. Before using it, look sources up again: people take their videos back.
"""
