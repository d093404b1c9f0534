"""What a lake holds, what it cost, and how much it has grown since the last training, from narrow columns only."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.json_text import BadJsonError, number, read_object
from storage.labels.recipes import label_versions
from storage.labels.versions import NewestKeys, newest_keys
from storage.lake import Lake
from storage.ledger.items import Books
from storage.ledger.ledger import Ledger
from storage.schema import TABLES
from storage.survival import Step, survival


@dataclass(frozen=True)
class Group:
    """Tracklets that have something in common."""

    tracklets: int
    sources: int
    hours: float


@dataclass(frozen=True)
class Stats:
    """Counts of a lake. Hours are person-hours. Of a source that was labelled again only the newest labels count."""

    total: Group
    people: int
    """Tracks (source, shot, person): one person in two shots counts twice."""
    frames: int
    by: dict[str, dict[str, Group]]
    """By host, licence, labels, preset, backend; `labels` are the digests of label versions, the older ones too."""
    older: int
    """Tracklets of labels that are not their source's newest: kept for the record, read by nobody by default."""
    rejects: dict[str, int]
    """Rejected stretches by reason."""
    books: Books | None
    item_reasons: dict[str, int]
    funnel: dict[str, int]
    seconds_per_1000: dict[str, dict[str, float]]
    """By stage and kind (wall, cpu; gpu where one was used): seconds spent for 1000 kept tracklets. 'total' is the sum
    of the stages; its gpu is 0 where no stage says that it used one."""
    survival: list[Step]
    files: dict[str, int] = field(default_factory=dict)


def stats(lake: Lake, ledger: Ledger | None = None) -> Stats:
    """Count. The columns that are read take about 200 bytes a tracklet."""
    columns = ["source_id", "shot_index", "person_index", "n_frames", "seconds", "licence", "label_key", "preset"]
    newest = newest_keys(lake)
    videos = _newest(lake, newest, "videos", ["source_id", "host", "stage_seconds", "label_key"])
    hosts = videos.group_by("source_id").aggregate([("host", "min")]).rename_columns(["source_id", "host"])
    every = lake.read("tracklets", [*columns, "backend"])
    rows = every.filter(newest.holds(every)).join(hosts, "source_id", join_type="left outer")
    people = rows.group_by(["source_id", "shot_index", "person_index"]).aggregate([]).num_rows
    rejects = _counts(_newest(lake, newest, "rejects", ["source_id", "label_key", "reason"]), "reason")
    shots = _newest(lake, newest, "shots", ["source_id", "label_key"]).num_rows
    books = None if ledger is None else ledger.books()
    asked = {} if books is None else {"asked": books.asked, "done": books.done}
    return Stats(
        total=next(iter(_groups(rows.append_column("all", pa.array(["all"] * rows.num_rows)), "all").values()), _NONE),
        people=people,
        frames=int(pc.sum(rows["n_frames"]).as_py() or 0),
        by={key: _groups(_with_labels(lake, every) if key == "labels" else rows, key) for key in _KEYS},
        older=every.num_rows - rows.num_rows,
        rejects=rejects,
        books=books,
        item_reasons={} if ledger is None else ledger.reasons(),
        funnel={
            **asked, "videos": videos.num_rows, "shots": shots, "stretches rejected": sum(rejects.values()),
            "tracks kept": people, "tracklets": rows.num_rows,
        },
        seconds_per_1000=_costs(videos["stage_seconds"].to_pylist(), rows.num_rows),
        survival=survival(lake),
        files={name: _file_count(lake, name) for name in TABLES},
    )  # fmt: skip


_KEYS = ("host", "licence", "labels", "preset", "backend")


def _with_labels(lake: Lake, rows: pa.Table) -> pa.Table:
    """With the digest of each row's label version: a label_key belongs to one video, a version to all of its recipe."""
    digests = {key: version.digest for version in label_versions(lake) for key in version.keys}
    keys = rows["label_key"].to_pylist()
    return rows.append_column("labels", pa.array([digests.get(key, key) for key in keys], pa.string()))


def _newest(lake: Lake, newest: NewestKeys, name: str, columns: list[str]) -> pa.Table:
    rows = lake.read(name, columns)
    return rows.filter(newest.holds(rows))


_NONE = Group(0, 0, 0.0)


def _groups(rows: pa.Table, key: str) -> dict[str, Group]:
    table = rows.group_by(key).aggregate([("seconds", "sum"), ("source_id", "count_distinct"), ([], "count_all")])
    return {
        str(row[key] or "unknown"): Group(row["count_all"], row["source_id_count_distinct"], row["seconds_sum"] / 3600)
        for row in table.sort_by(key).to_pylist()
    }


def _counts(rows: pa.Table, key: str) -> dict[str, int]:
    table = rows.group_by(key).aggregate([([], "count_all")]).sort_by([("count_all", "descending"), (key, "ascending")])
    return dict(zip(table[key].to_pylist(), table["count_all"].to_pylist(), strict=True))


def _costs(texts: Iterable[str], tracklets: int) -> dict[str, dict[str, float]]:
    total: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for text in texts:
        for stage, spent in stage_seconds(text).items():
            for kind, seconds in spent.items():
                total[stage][kind] += seconds
                total["total"][kind] += seconds
    total["total"].setdefault("gpu", 0.0)
    scale = 1000.0 / tracklets if tracklets else 0.0
    return {stage: {kind: value * scale for kind, value in spent.items()} for stage, spent in sorted(total.items())}


def stage_seconds(text: str | None) -> dict[str, dict[str, float]]:
    """Seconds of each stage of labelling a video, from the column videos.stage_seconds: {stage: {kind: seconds}}.

    Kinds are wall, cpu and gpu; a plain number counts as wall. Values that are no finite number are left out, because
    a lake may come from anybody.
    """
    try:
        content = read_object(text)
    except BadJsonError:
        return {}
    spent = {stage: _seconds(value if isinstance(value, dict) else {"wall": value}) for stage, value in content.items()}
    return {stage: parts for stage, parts in spent.items() if parts}


def _seconds(parts: dict[str, Any]) -> dict[str, float]:
    seconds = {}
    for kind, value in parts.items():
        try:
            seconds[kind] = number(value)
        except BadJsonError:
            continue
    return seconds


def _file_count(lake: Lake, name: str) -> int:
    table = lake.folder(name).open()
    return 0 if table is None else len(table.file_uris())


def hours_since_training(lake: Lake) -> float:
    """Pseudo-labelled hours in the lake, less those that the newest training run saw (all, if there was none).

    A run whose config does not say what it saw counts as none.
    """
    seconds = lake.read("tracklets", ["seconds"])["seconds"]
    now = float(pc.sum(seconds).as_py() or 0.0) / 3600.0
    runs = lake.read("runs", ["started_at", "config"], pc.field("kind") == "train").sort_by("started_at")
    for config in reversed(runs["config"].to_pylist()):
        try:
            return now - number(read_object(config)["lake_hours"])
        except (BadJsonError, KeyError):
            continue
    return now
