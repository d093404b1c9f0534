"""Frozen selections of a lake, by digest: which tracklets a model was trained on, today and on any machine.

A snapshot is the sorted list of its tracklet ids, with each one's source and length. It survives compaction,
vacuum and erase, because it names rows and not files. It is kept as columns: a million tracklets are three arrays.

Legend: N tracklets, S sources.
"""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import SnapshotMissing
from storage.json_text import MISFIT, read_object, word
from storage.labels.recipes import newest_of, version_named
from storage.labels.versions import newest_keys
from storage.lake import Lake, LakeReader

Versions = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Member:
    """One tracklet of a snapshot."""

    tracklet_id: str
    source_id: str
    seconds: float


class Snapshot:
    """A selection, sorted by tracklet_id; `tables` are the lake's versions when it was taken. Never changed."""

    def __init__(self, members: Iterable[Member] = (), tables: Versions = ()) -> None:
        rows = list(members)
        self._fill([m.tracklet_id for m in rows], [m.source_id for m in rows], [m.seconds for m in rows], tables)

    @classmethod
    def of_columns(cls, ids: Any, sources: Any, seconds: Any, tables: Versions = ()) -> "Snapshot":
        """From three columns of N (lists, numpy or Arrow arrays), in any order."""
        snapshot = cls.__new__(cls)
        snapshot._fill(ids, sources, seconds, tables)
        return snapshot

    def _fill(self, ids: Any, sources: Any, seconds: Any, tables: Versions) -> None:
        id_N, source_N = _strings(ids), _strings(sources)
        seconds_N: npt.NDArray[np.float64] = np.asarray(seconds, np.float64)
        if not pc.all(pc.less_equal(id_N[:-1], id_N[1:])).as_py():
            order_N = pc.array_sort_indices(id_N)
            id_N, source_N, seconds_N = id_N.take(order_N), source_N.take(order_N), seconds_N[order_N.to_numpy()]
        self.ids: pa.Array = id_N
        """(N) sorted ids."""
        self.seconds_N = seconds_N
        names = source_N.dictionary_encode()
        order_S = pc.array_sort_indices(names.dictionary)
        rank_S = np.empty(len(order_S), np.int32)
        rank_S[order_S.to_numpy()] = np.arange(len(order_S), dtype=np.int32)
        self.sources: tuple[str, ...] = tuple(names.dictionary.take(order_S).to_pylist())
        """(S) sorted source ids."""
        self.source_N: npt.NDArray[np.int32] = rank_S[names.indices.to_numpy()]
        """Place of each tracklet's source in `sources`."""
        self.tables = tables

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self.digest)

    def _key(self) -> tuple[object, ...]:
        return self.digest, self.tables, self.sources, self.source_N.tobytes(), self.seconds_N.tobytes()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The rows one by one: for small snapshots, a million of them take half a gigabyte."""
        sources = (self.sources[place] for place in self.source_N.tolist())
        return tuple(map(Member, self.tracklet_ids, sources, self.seconds_N.tolist()))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the sorted tracklet ids, one a line: equal if and only if the selection is equal."""
        lines = pc.binary_join_element_wise(self.ids, pa.scalar(""), pa.scalar("\n"))
        return hashlib.sha256(_bytes_of(lines)[:-1]).hexdigest()

    @property
    def tracklet_ids(self) -> tuple[str, ...]:
        """Sorted ids."""
        return tuple(self.ids.to_pylist())

    @property
    def hours(self) -> float:
        """Hours of tracklets (person-hours, not video-hours)."""
        return math.fsum(self.seconds_N) / 3600.0

    def only(self, chosen_N: npt.NDArray[np.bool_]) -> "Snapshot":
        """The tracklets where `chosen_N` is True."""
        names = pa.array(self.sources, pa.string()).take(pa.array(self.source_N[chosen_N]))
        return Snapshot.of_columns(self.ids.filter(pa.array(chosen_N)), names, self.seconds_N[chosen_N], self.tables)

    def only_sources(self, taken: Collection[str]) -> "Snapshot":
        """The tracklets of these sources."""
        taken_S = np.fromiter((source in taken for source in self.sources), bool, len(self.sources))
        return self.only(taken_S[self.source_N])


def _strings(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())


def _bytes_of(strings: pa.Array) -> memoryview:
    """The characters of all strings one after the other, without making a Python string of each."""
    _, offsets, characters = strings.buffers()
    if not len(strings) or characters is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    return memoryview(characters)[ends[0] : ends[-1]]


def select(lake: LakeReader, *, where: pc.Expression | None = None, labels: str | None = None) -> Snapshot:
    """The tracklets that match `where`, of each source only those of its newest label_key; nothing is written.

    `labels` names a label version (storage/labels/recipes.py): then only its labels count, newest or not, and sources
    without any are left out. LabelsMissing for an unknown one.
    """
    versions = tuple(sorted(lake.versions().items()))
    version = None if labels is None else version_named(lake, labels)
    newest = newest_keys(lake) if version is None else newest_of(lake, version)
    table = lake.read("tracklets", ["tracklet_id", "source_id", "seconds", "label_key"], where)
    if version is not None:
        table = table.filter(version.holds(table))
    table = table.filter(newest.holds(table))
    return Snapshot.of_columns(table["tracklet_id"], table["source_id"], table["seconds"].to_numpy(), versions)


def selection(
    *, tags: Sequence[str] | None = None, licences: Sequence[str] | None = None, min_score: float = 0.0
) -> pc.Expression | None:
    """A condition for `select`: one of the tags, one of the licence classes, at least that mean score; None: all.

    'vouched' as a licence class means any 'vouched ...' with its date.
    """
    parts = []
    if tags:
        # A list column has no `in` for expressions: joined by a separator that no tag holds, it is a string.
        border, nothing = pc.scalar("\x1f"), pc.scalar("")
        joined = pc.binary_join(pc.field("tags"), border)
        bordered = pc.binary_join_element_wise(border, joined, border, nothing)
        parts.append(_any_of([pc.match_substring(bordered, f"\x1f{tag}\x1f") for tag in tags]))
    if licences:
        exact = pc.field("licence").isin(pa.array(list(licences), pa.string()))
        vouched = [pc.starts_with(pc.field("licence"), "vouched")] if "vouched" in licences else []
        parts.append(_any_of([exact, *vouched]))
    if min_score > 0.0:
        parts.append(pc.field("mean_score") >= pa.scalar(min_score, pa.float32()))
    return reduce(lambda a, b: a & b, parts) if parts else None


def _any_of(parts: Sequence[pc.Expression]) -> pc.Expression:
    return reduce(lambda a, b: a | b, parts)


def choices(lake: LakeReader) -> tuple[list[str], list[str]]:
    """The tags, and the licence classes, that tracklets of the lake have: what a selection may ask for, sorted."""
    rows = lake.read("tracklets", ["tags", "licence"])
    tags = pc.unique(pc.list_flatten(rows["tags"])).to_pylist()
    licences = {"vouched" if name.startswith("vouched") else name for name in pc.unique(rows["licence"]).to_pylist()}
    return sorted(tags), sorted(licences)


def freeze(lake: Lake, *, where: pc.Expression | None = None, labels: str | None = None) -> Snapshot:
    """Select as `select` does, and keep the list in the lake under its digest. The same selection is one file."""
    return keep(lake, select(lake, where=where, labels=labels))


def keep(lake: Lake, snapshot: Snapshot) -> Snapshot:
    """Save a selection that was just made. What is left of it, if one of its sources was erased meanwhile."""
    save(lake, snapshot)
    # An erasure deletes rows first and then cleans the lists: what it may not have seen, because the list was written
    # too late, has no rows by now.
    erased = set(snapshot.sources) - set(pc.unique(lake.read("tracklets", ["source_id"])["source_id"]).to_pylist())
    if erased:
        drop_sources(lake, sorted(erased), "erased while the list was written")
        return load(lake, snapshot.digest)
    return snapshot


def joined(parts: Sequence[Snapshot]) -> Snapshot:
    """One selection of all of them, such as the same film under several labels; a tracklet of two counts once."""
    members = {member.tracklet_id: member for part in parts for member in part.members}
    return Snapshot(members.values(), parts[0].tables if parts else ())


def save(lake: Lake, snapshot: Snapshot) -> None:
    """Write a snapshot's list into the lake, atomically; an existing one of that digest stays as it is."""
    path = lake.layout.snapshot(snapshot.digest)
    if not lake.disk.exists(path):
        lake.disk.write(path, _encode(snapshot))


def load(lake: Lake, digest: str) -> Snapshot:
    """The snapshot of that digest or of its unique prefix (8 or more digits). SnapshotMissing otherwise.

    If sources were erased since, what is left of it (which has another digest).
    """
    matches = [known for known in digests(lake) if known == digest or (len(digest) >= 8 and known.startswith(digest))]
    if len(matches) != 1:
        raise SnapshotMissing(
            f"{lake.root} has {len(matches)} snapshots {digest}; `hmmr lake snapshot list` shows them"
        )
    newest = _newest(lake, matches[0])
    snapshot = _decode(lake, newest)
    if snapshot.digest != newest:
        raise SnapshotMissing(f"snapshot {newest} of {lake.root} was changed: its ids hash to {snapshot.digest}")
    return snapshot


def _newest(lake: Lake, digest: str) -> str:
    """What erasures made of a snapshot: its digest now."""
    chain = [digest]
    while "successor" in (value := _value(lake, chain[-1])):
        if value["successor"] in chain:
            raise _damaged(lake, digest, "it is its own successor")
        chain.append(value["successor"])
    return chain[-1]


def _value(lake: Lake, digest: str) -> dict[str, Any]:
    try:
        value = read_object(lake.disk.read(lake.layout.snapshot(digest)))
        for name in (value.get("successor", ""), *value.get("sources", ())):
            word(name)
        return value
    except (FileNotFoundError, *MISFIT) as error:
        raise _damaged(lake, digest, error) from error


def _damaged(lake: Lake, digest: str, why: object) -> SnapshotMissing:
    return SnapshotMissing(f"snapshot {digest} of {lake.root} is damaged ({why}): delete its file and freeze it again")


def digests(lake: Lake) -> list[str]:
    """Digests of all snapshots of the lake, sorted."""
    names = [path.rsplit("/", 1)[-1] for path in lake.disk.files(lake.layout.snapshots)]
    return [name.removesuffix(".json") for name in names if name.endswith(".json") and not name.startswith(".")]


def drop_sources(
    lake: Lake, sources: Sequence[str], mark: str, erased: Callable[[Collection[str]], Sequence[str]] = lambda _: ()
) -> list[tuple[str, str]]:
    """Take erased sources out of every list. Returns (old digest, new digest) of those that changed.

    The old digest stays loadable: its file now only names its successor. `mark` names the erasure in it, so that
    one that was cut short and is run again knows what it had changed before. `erased`: another erasure may change
    the same list at the same moment, and what it took out may be in again after ours; so which of the sources that
    are left are erased is asked after the writing.
    """
    dropped, changed = set(sources), []
    left: set[str] = set()
    for old in digests(lake):
        value = _value(lake, old)
        if value.get("mark") == mark:
            changed.append((old, value["successor"]))
        if not dropped & set(value.get("sources", ())):
            continue
        before = _decode(lake, old)
        after = before.only_sources(set(before.sources) - dropped)
        save(lake, after)
        note = {"format": "hmmr-snapshot-2", "digest": old, "successor": after.digest, "mark": mark}
        lake.disk.write(lake.layout.snapshot(old), json.dumps(note, sort_keys=True).encode())
        changed.append((old, after.digest))
        left |= set(after.sources)
    erased_since = erased(left)
    return changed + (drop_sources(lake, erased_since, mark, erased) if erased_since else [])


def with_ancestors(lake: Lake, changed: Collection[str]) -> set[str]:
    """These digests, and all that earlier erasures turned into one of them: what a run may have been trained on."""
    before: dict[str, str] = {}
    for digest in digests(lake):
        value = _value(lake, digest)
        if "successor" in value:
            before[digest] = value["successor"]
    known = set(changed)
    while more := {digest for digest, successor in before.items() if successor in known} - known:
        known |= more
    return known


def source_order(sources: Sequence[str], seed: int) -> list[str]:
    """Sources in the order of a stable hash of (seed, source): the same on every machine, whatever else there is."""
    return sorted(sources, key=lambda source: hashlib.sha256(f"{seed}\0{source}".encode()).digest())


def nested(snapshot: Snapshot, *, hours: float | None = None, fraction: float | None = None, seed: int = 0) -> Snapshot:
    """A part of a snapshot, by whole sources; a smaller part with the same seed lies inside a larger one.

    Sources are taken in the order of their hash until adding the next would bring the hours further from what was
    asked for. Give either `hours` or `fraction` (of the snapshot's hours).
    """
    if (hours is None) == (fraction is None):
        raise ValueError("give either hours or fraction")
    wanted = (snapshot.hours * fraction if fraction is not None else float(hours or 0.0)) * 3600.0
    if not (math.isfinite(wanted) and wanted >= 0):
        raise ValueError(f"hours and fraction are numbers from 0, not {hours if fraction is None else fraction}")
    of_source_S = np.bincount(snapshot.source_N, weights=snapshot.seconds_N, minlength=len(snapshot.sources))
    seconds = dict(zip(snapshot.sources, of_source_S.tolist(), strict=True))
    chosen_sources, total = set(), 0.0
    for source in source_order(snapshot.sources, seed):
        if total + seconds[source] / 2 > wanted + 1e-9:
            break
        chosen_sources.add(source)
        total += seconds[source]
    return snapshot.only_sources(chosen_sources)


def _encode(snapshot: Snapshot) -> bytes:
    value = {
        "format": "hmmr-snapshot-2",
        "digest": snapshot.digest,
        "tables": dict(snapshot.tables),
        "sources": snapshot.sources,
        "tracklets": snapshot.tracklet_ids,
        "source_of": snapshot.source_N.tolist(),
        "seconds": snapshot.seconds_N.tolist(),
    }
    return json.dumps(value, sort_keys=True).encode()


def _decode(lake: Lake, digest: str) -> Snapshot:
    value = _value(lake, digest)
    try:
        if "members" in value:  # format 1 had a list a tracklet
            columns = zip(*value["members"], strict=True) if value["members"] else ((), (), ())
            value["tracklets"], value["source_of"], value["seconds"] = columns
        names = pa.array(value["sources"], pa.string()).take(pa.array(value["source_of"], pa.int32()))
        tables = tuple(sorted(value["tables"].items()))
        snapshot = Snapshot.of_columns(value["tracklets"], names, value["seconds"], tables)
    except (*MISFIT, pa.ArrowException) as error:
        raise _damaged(lake, digest, error) from error
    if not len(snapshot.source_N) == len(snapshot.seconds_N) == len(snapshot) or not np.isfinite(snapshot.hours):
        raise _damaged(lake, digest, "its columns do not fit each other")
    return snapshot
