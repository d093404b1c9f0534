"""What a page is about: the rows of one lake, read once, in plain Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from storage.errors import SnapshotMissing
from storage.labels.versions import NewestKeys, newest_keys
from storage.lake import Lake
from storage.layout import Layout
from storage.ledger.items import Books
from storage.ledger.ledger import Ledger
from storage.snapshot import Snapshot, digests, load

Row = Mapping[str, Any]

_COLUMNS: dict[str, list[str]] = {
    "tracklets": ["tracklet_id", "source_id", "n_frames", "seconds", "mean_score", "tags", "backend", "preset",
                  "licence", "label_key", "committed_at"],
    "rejects": ["source_id", "first_frame", "last_frame", "n_frames", "stage", "reason", "measured", "threshold",
                "preset", "label_key"],
    "videos": ["source_id", "url", "host", "uploader", "title", "licence", "duration_s", "bytes", "tags",
               "stage_seconds", "label_key", "committed_at"],
}  # fmt: skip
"""Columns that the page needs of wide tables; of the others it reads all."""

_EXAMPLES_OF_A_REASON = 4


@dataclass(frozen=True)
class LakeView:
    """Rows of the tables, the ledger's books (None where there is no ledger), versions and snapshots."""

    tracklets: Sequence[Row] = ()
    videos: Sequence[Row] = ()
    rejects: Sequence[Row] = ()
    older_rejects: int = 0
    """How many rejects of earlier labels there are beside them, of sources that were labelled again."""
    reject_examples: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    runs: Sequence[Row] = ()
    scores: Sequence[Row] = ()
    strange_scores: Sequence[str] = ()
    """Ids of scores of no number of hours."""
    probes: Sequence[Row] = ()
    books: Books | None = None
    item_reasons: Mapping[str, int] = field(default_factory=dict)
    """How many items were rejected or have failed, by reason."""
    versions: Mapping[str, int] = field(default_factory=dict)
    snapshots: Sequence[Snapshot] = ()
    damaged: Sequence[str] = ()
    """Digests of snapshots whose files cannot be read."""


def read_view(lake: Lake) -> LakeView:
    """Everything that the panels draw. A table that was never written counts as empty."""
    newest = newest_keys(lake)
    (tracklets, _), (rejects, older_rejects), (videos, _) = (_newest_labels(lake, newest, name) for name in _COLUMNS)
    runs = _newest(lake.read("runs").to_pylist(), "run_id", "started_at")
    books, reasons = read_books(lake.layout)
    every_score = _newest(lake.read("scores").to_pylist(), "score_id", "scored_at")
    scores = [row for row in every_score if isfinite(row["hours"])]
    snapshots, damaged = _snapshots(lake)
    return LakeView(
        tracklets=tracklets,
        videos=videos,
        rejects=rejects,
        older_rejects=older_rejects,
        reject_examples=_examples(lake, newest, rejects),
        runs=runs,
        scores=of_one_snapshot(scores, runs),
        strange_scores=[row["score_id"] for row in every_score if not isfinite(row["hours"])],
        probes=lake.read("probes").to_pylist(),
        books=books,
        item_reasons=reasons,
        versions=lake.versions(),
        snapshots=snapshots,
        damaged=damaged,
    )


def read_books(layout: Layout) -> tuple[Books | None, dict[str, int]]:
    """The ledger's books and reasons; None where this lake has no ledger yet. Looking must not make one."""
    try:
        url = layout.ledger_url
    except ValueError:
        return None, {}
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return None, {}
    ledger = Ledger.open(layout.root)
    try:
        return ledger.books(), ledger.reasons()
    finally:
        ledger.close()


def of_one_snapshot(scores: Sequence[Row], runs: Sequence[Row]) -> list[Row]:
    """Of each study the scores of the snapshot that was scored last: a curve over two pools would mean nothing.

    Perfect 2D may have a lake of its own, of which the same is true. Baselines, which have no run, stay.
    """
    pool = {row["run_id"]: row["snapshot"] for row in runs if row["snapshot"]}
    last: dict[tuple[str, bool], str] = {}
    for row in sorted(scores, key=lambda row: row["scored_at"]):
        if row["run_id"] in pool:
            last[_lake_of(row)] = pool[row["run_id"]]
    return [row for row in scores if pool.get(row["run_id"]) in (None, last.get(_lake_of(row)))]


def _lake_of(row: Row) -> tuple[str, bool]:
    return row["study"], row["variant"] == "perfect_2d"


def _newest_labels(lake: Lake, newest: NewestKeys, name: str) -> tuple[list[Row], int]:
    """Of each source the rows of its newest labels (one that was labelled again counts once), and how many older."""
    every = lake.read(name, _COLUMNS[name])
    rows = every.filter(newest.holds(every))
    return rows.to_pylist(), every.num_rows - rows.num_rows


def _newest(rows: Sequence[Row], key: str, time: str) -> list[Row]:
    """One row a key: a run or score that was written twice counts once."""
    return list({row[key]: row for row in sorted(rows, key=lambda row: row[time])}.values())


def _examples(lake: Lake, newest: NewestKeys, rejects: Sequence[Row]) -> dict[str, list[Row]]:
    """A few rejects of each reason with their keypoints, which are too wide to read for all."""
    examples: dict[str, list[Row]] = {}
    for reason in sorted({row["reason"] for row in rejects}):
        every = lake.read("rejects", where=pc.field("reason") == reason)
        rows = every.filter(newest.holds(every)).to_pylist()
        examples[reason] = [row for row in rows if row["keypoints"]][:_EXAMPLES_OF_A_REASON]
    return examples


def _snapshots(lake: Lake) -> tuple[list[Snapshot], list[str]]:
    """Those that can be read, and the digests of the others."""
    whole, damaged = [], []
    for digest in digests(lake):
        try:
            whole.append(load(lake, digest))
        except SnapshotMissing:
            damaged.append(digest)
    return whole, damaged
