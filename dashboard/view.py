"""What a page is about: the rows of one lake, read once. Tracklets, videos and rejects, of which there may be millions,
are counted in Arrow; runs and scores, which are few, are rows in plain Python.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import SnapshotMissing
from storage.labels.versions import NewestKeys, newest_among
from storage.lake import Lake
from storage.layout import Layout
from storage.ledger.items import Books
from storage.ledger.ledger import Ledger
from storage.snapshot import Snapshot, digests, load
from storage.stats import stage_seconds

Row = Mapping[str, Any]

_TRACKLETS = ("source_id", "n_frames", "seconds", "tags", "backend", "preset", "licence", "label_key", "committed_at")
_REJECTS = ("source_id", "stage", "reason", "n_frames", "label_key")
_VIDEOS = ("source_id", "url", "host", "title", "duration_s", "bytes", "stage_seconds", "label_key", "committed_at")

MOST_GROUPS = 100
"""Rows of a table of sources; a lake may hold a million."""

_EXAMPLES_OF_A_REASON = 4


@dataclass(frozen=True)
class Group:
    """Tracklets that have something in common. `name` is how a reader knows it."""

    name: str
    videos: int
    tracklets: int
    seconds: float


@dataclass(frozen=True)
class Totals:
    """Sums over the newest labels of every source; seconds are of people (tracklets) and of film (videos)."""

    tracklets: int = 0
    frames: int = 0
    seconds: float = 0.0
    videos: int = 0
    video_seconds: float = 0.0
    video_bytes: int = 0
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Seconds by stage and kind (wall, cpu, gpu)."""
    by: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    """By licence, host, tag and video, the most seconds first, each at most MOST_GROUPS."""
    groups: Mapping[str, int] = field(default_factory=dict)
    """How many groups of each kind there are in all."""
    labellers: Sequence[tuple[str, str, int]] = ()
    """2D backend, preset, tracklets."""
    rejects: Sequence[tuple[str, str, int, int]] = ()
    """Stage, reason, frames, stretches, the most stretches first."""


@dataclass(frozen=True)
class LakeView:
    """Sums and rows of the tables, the ledger's books (None where there is no ledger), versions and snapshots."""

    totals: Totals = field(default_factory=Totals)
    older_rejects: int = 0
    """How many rejects of earlier labels there are beside them, of sources that were labelled again."""
    reject_examples: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    runs: Sequence[Row] = ()
    scores: Sequence[Row] = ()
    strange_scores: Sequence[str] = ()
    """Ids of scores of no number of hours."""
    probes: Sequence[Row] = ()
    harvested: Mapping[str, datetime] = field(default_factory=dict)
    """When each source came into the lake that was asked for again."""
    books: Books | None = None
    item_reasons: Mapping[str, int] = field(default_factory=dict)
    """How many items were rejected or have failed, by reason."""
    versions: Mapping[str, int] = field(default_factory=dict)
    snapshots: Sequence[Snapshot] = ()
    damaged: Sequence[str] = ()
    """Digests of snapshots whose files cannot be read."""


def read_view(lake: Lake) -> LakeView:
    """Everything that the panels draw. A table that was never written counts as empty."""
    tracklets, videos = lake.read("tracklets", _TRACKLETS), lake.read("videos", _VIDEOS)
    of_source = ["source_id", "label_key", "committed_at"]
    newest = newest_among(pa.concat_tables([videos.select(of_source), tracklets.select(of_source)]))
    every_reject, probes = lake.read("rejects", _REJECTS), lake.read("probes").to_pylist()
    tracklets, videos, rejects = (rows.filter(newest.holds(rows)) for rows in (tracklets, videos, every_reject))
    runs = _newest(lake.read("runs").to_pylist(), "run_id", "started_at")
    books, reasons = read_books(lake.layout)
    every_score = _newest(lake.read("scores").to_pylist(), "score_id", "scored_at")
    scores = [row for row in every_score if isfinite(row["hours"])]
    snapshots, damaged = _snapshots(lake)
    return LakeView(
        totals=totals_of(tracklets, videos, rejects),
        older_rejects=every_reject.num_rows - rejects.num_rows,
        reject_examples=_examples(lake, newest, pc.unique(rejects["reason"]).to_pylist()),
        runs=runs,
        scores=of_one_snapshot(scores, runs),
        strange_scores=[row["score_id"] for row in every_score if not isfinite(row["hours"])],
        probes=probes,
        harvested=_harvested(videos, {row["source_id"] for row in probes}),
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


def totals_of(tracklets: pa.Table, videos: pa.Table, rejects: pa.Table) -> Totals:
    """Sums of the newest labels' rows (columns _TRACKLETS, _VIDEOS, _REJECTS)."""
    hosts = videos.group_by("source_id").aggregate([("host", "min")]).rename_columns(["source_id", "host"])
    place = pc.index_in(tracklets["source_id"], value_set=hosts["source_id"].combine_chunks())
    host = pc.fill_null(hosts["host"].combine_chunks().take(place), "unknown")
    rows = tracklets.select(["source_id", "seconds"])
    tags = tracklets["tags"].combine_chunks()
    of_tag = rows.take(pc.list_parent_indices(tags)).append_column("key", pc.list_flatten(tags))
    bare = pc.equal(pc.list_value_length(tags), 0)
    without = rows.filter(bare)
    of_tag = pa.concat_tables(
        [of_tag, without.append_column("key", pa.array(["(none)"] * without.num_rows, pa.string()))]
    )
    keyed = {
        "licence": rows.append_column("key", tracklets["licence"]), "host": rows.append_column("key", host),
        "tag": of_tag, "video": rows.append_column("key", tracklets["source_id"]),
    }  # fmt: skip
    grouped = {kind: _groups(table) for kind, table in keyed.items()}
    labellers = tracklets.group_by(["backend", "preset"]).aggregate([([], "count_all")]).to_pylist()
    reasons = rejects.group_by(["stage", "reason"]).aggregate([("n_frames", "sum"), ([], "count_all")]).to_pylist()
    return Totals(
        tracklets=tracklets.num_rows, frames=_sum(tracklets["n_frames"]), seconds=_sum(tracklets["seconds"]),
        videos=videos.num_rows, video_seconds=_sum(videos["duration_s"]), video_bytes=_sum(videos["bytes"]),
        stages=_stages(videos["stage_seconds"].to_pylist()),
        by={kind: groups for kind, (groups, _) in grouped.items()} | {"video": _titled(grouped["video"][0], videos)},
        groups={kind: count for kind, (_, count) in grouped.items()},
        labellers=sorted(((row["backend"], row["preset"], row["count_all"]) for row in labellers), key=lambda r: -r[2]),
        rejects=sorted(((row["stage"], row["reason"], row["n_frames_sum"], row["count_all"]) for row in reasons),
                       key=lambda r: (-r[3], r[:2])),
    )  # fmt: skip


def _sum(column: pa.ChunkedArray) -> Any:
    return pc.sum(column).as_py() or 0


def _groups(rows: pa.Table) -> tuple[list[Group], int]:
    """Rows (source_id, seconds, key) by key: those with the most seconds, and how many there are in all."""
    sums = rows.group_by("key").aggregate([("source_id", "count_distinct"), ("seconds", "sum"), ([], "count_all")])
    first = sums.sort_by([("seconds_sum", "descending"), ("key", "ascending")]).slice(0, MOST_GROUPS)
    names = ("key", "source_id_count_distinct", "count_all", "seconds_sum")
    return [Group(*(row[name] for name in names)) for row in first.select(names).to_pylist()], sums.num_rows


def _titled(groups: Sequence[Group], videos: pa.Table) -> list[Group]:
    """The same groups of videos by title, or address."""
    among = pc.is_in(videos["source_id"], value_set=pa.array([group.name for group in groups], pa.string()))
    rows = videos.filter(among).select(["source_id", "title", "url"]).to_pylist()
    titles = {row["source_id"]: row["title"] or row["url"] for row in rows}
    return [replace(group, name=str(titles.get(group.name) or group.name[:12])) for group in groups]


def _stages(texts: Iterable[str]) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for text in texts:
        for stage, seconds in stage_seconds(text).items():
            for kind, value in seconds.items():
                sums[stage][kind] += value
    return {stage: dict(seconds) for stage, seconds in sums.items()}


def _harvested(videos: pa.Table, sources: set[str]) -> dict[str, datetime]:
    rows = videos.filter(pc.is_in(videos["source_id"], value_set=pa.array(sorted(sources), pa.string())))
    return {row["source_id"]: row["committed_at"] for row in rows.select(["source_id", "committed_at"]).to_pylist()}


def _newest(rows: Sequence[Row], key: str, time: str) -> list[Row]:
    """One row a key: a run or score that was written twice counts once."""
    return list({row[key]: row for row in sorted(rows, key=lambda row: row[time])}.values())


def _examples(lake: Lake, newest: NewestKeys, reasons: Iterable[str]) -> dict[str, list[Row]]:
    """A few rejects of each reason with their keypoints, which are too wide to read for all: each reason is read until
    there are enough."""
    rows = lake.dataset("rejects")
    examples: dict[str, list[Row]] = {reason: [] for reason in sorted(reasons)}
    for reason, chosen in examples.items():
        where = (pc.field("reason") == reason) & pc.field("keypoints").is_valid()
        for batch in rows.to_batches(filter=where, batch_size=256) if rows is not None else ():
            table = pa.Table.from_batches([batch])
            chosen.extend(table.filter(newest.holds(table)).slice(0, _EXAMPLES_OF_A_REASON - len(chosen)).to_pylist())
            if len(chosen) >= _EXAMPLES_OF_A_REASON:
                break
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
