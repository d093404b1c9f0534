"""Frozen selections of a lake, by digest: which tracklets a model was trained on, today and on any machine.

A snapshot is the sorted list of its tracklet ids, with each one's source and length. It survives compaction,
vacuum and erase, because it names rows and not files.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from storage.errors import SnapshotMissing
from storage.lake import Lake


@dataclass(frozen=True)
class Member:
    """One tracklet of a snapshot."""

    tracklet_id: str
    source_id: str
    seconds: float


@dataclass(frozen=True)
class Snapshot:
    """A selection. Members are sorted by tracklet_id; `tables` are the lake's versions when it was taken."""

    members: tuple[Member, ...]
    tables: tuple[tuple[str, int], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the sorted tracklet ids: equal if and only if the selection is equal."""
        return hashlib.sha256("\n".join(self.tracklet_ids).encode()).hexdigest()

    @property
    def tracklet_ids(self) -> tuple[str, ...]:
        """Sorted ids."""
        return tuple(member.tracklet_id for member in self.members)

    @property
    def hours(self) -> float:
        """Hours of tracklets (person-hours, not video-hours)."""
        return sum(member.seconds for member in self.members) / 3600.0

    @property
    def sources(self) -> tuple[str, ...]:
        """Sorted source ids."""
        return tuple(sorted({member.source_id for member in self.members}))


def select(lake: Lake, *, where: pc.Expression | None = None) -> Snapshot:
    """The tracklets that match `where`, of each source only those of its newest label_key; nothing is written."""
    columns = ["tracklet_id", "source_id", "seconds", "label_key", "committed_at"]
    versions = tuple(sorted(lake.versions().items()))
    table = lake.read("tracklets", columns)
    newest = table.group_by("source_id").aggregate([("committed_at", "max")])
    last = dict(zip(newest["source_id"].to_pylist(), newest["committed_at_max"].to_pylist(), strict=True))
    keys = {
        source: key
        for source, key, at in zip(
            *(table[name].to_pylist() for name in ("source_id", "label_key", "committed_at")), strict=True
        )
        if at == last[source]
    }
    kept = table if where is None else lake.read("tracklets", columns, where)
    rows = zip(*(kept[name].to_pylist() for name in ("tracklet_id", "source_id", "seconds", "label_key")), strict=True)
    members = sorted((Member(t, s, d) for t, s, d, key in rows if keys.get(s) == key), key=lambda m: m.tracklet_id)
    return Snapshot(tuple(members), versions)


def freeze(lake: Lake, *, where: pc.Expression | None = None) -> Snapshot:
    """Select as `select` does, and keep the list in the lake under its digest. The same selection is one file."""
    snapshot = select(lake, where=where)
    save(lake, snapshot)
    return snapshot


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
    value = json.loads(lake.disk.read(lake.layout.snapshot(matches[0])))
    if "successor" in value:
        return load(lake, value["successor"])
    snapshot = _decode(value)
    if snapshot.digest != matches[0]:
        raise SnapshotMissing(f"snapshot {matches[0]} of {lake.root} was changed: its ids hash to {snapshot.digest}")
    return snapshot


def digests(lake: Lake) -> list[str]:
    """Digests of all snapshots of the lake, sorted."""
    names = [path.rsplit("/", 1)[-1] for path in lake.disk.files(lake.layout.snapshots)]
    return [name.removesuffix(".json") for name in names if name.endswith(".json") and not name.startswith(".")]


def drop_sources(lake: Lake, sources: Sequence[str], mark: str) -> list[tuple[str, str]]:
    """Take erased sources out of every list. Returns (old digest, new digest) of those that changed.

    The old digest stays loadable: its file now only names its successor. `mark` names the erasure in it, so that
    one that was cut short and is run again knows what it had changed before.
    """
    gone, changed = set(sources), []
    for old in digests(lake):
        value = json.loads(lake.disk.read(lake.layout.snapshot(old)))
        if value.get("mark") == mark:
            changed.append((old, value["successor"]))
        if not gone & set(value.get("sources", ())):
            continue
        before = _decode(value)
        after = Snapshot(tuple(m for m in before.members if m.source_id not in gone), before.tables)
        save(lake, after)
        note = {"format": "hmmr-snapshot-1", "digest": old, "successor": after.digest, "mark": mark}
        lake.disk.write(lake.layout.snapshot(old), json.dumps(note, sort_keys=True).encode())
        changed.append((old, after.digest))
    return changed


def with_ancestors(lake: Lake, changed: Collection[str]) -> set[str]:
    """These digests, and all that earlier erasures turned into one of them: what a run may have been trained on."""
    before: dict[str, str] = {}
    for digest in digests(lake):
        value = json.loads(lake.disk.read(lake.layout.snapshot(digest)))
        if "successor" in value:
            before[digest] = value["successor"]
    found = set(changed)
    while more := {digest for digest, successor in before.items() if successor in found} - found:
        found |= more
    return found


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
    seconds: dict[str, float] = {}
    for member in snapshot.members:
        seconds[member.source_id] = seconds.get(member.source_id, 0.0) + member.seconds
    taken, total = set(), 0.0
    for source in source_order(list(seconds), seed):
        if total + seconds[source] / 2 > wanted + 1e-9:
            break
        taken.add(source)
        total += seconds[source]
    return Snapshot(tuple(m for m in snapshot.members if m.source_id in taken), snapshot.tables)


def _encode(snapshot: Snapshot) -> bytes:
    sources = snapshot.sources
    place = {source: i for i, source in enumerate(sources)}
    value = {
        "format": "hmmr-snapshot-1",
        "digest": snapshot.digest,
        "tables": dict(snapshot.tables),
        "sources": sources,
        "members": [[m.tracklet_id, place[m.source_id], m.seconds] for m in snapshot.members],
    }
    return json.dumps(value, sort_keys=True).encode()


def _decode(value: dict[str, Any]) -> Snapshot:
    members = tuple(Member(t, value["sources"][s], d) for t, s, d in value["members"])
    return Snapshot(members, tuple(sorted(value["tables"].items())))
