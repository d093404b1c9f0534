"""Snapshots: the same selection is the same digest, and parts lie inside each other."""

import itertools
from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import SnapshotMissing
from storage.example_rows import WHEN, shard, source_name, tracklet_row, video_row
from storage.labels.versions import make_current
from storage.lake import Lake
from storage.snapshot import Member, Snapshot, digests, freeze, load, nested
from storage.tables import rows_to_table


def made(sources: list[tuple[str, float]]) -> Snapshot:
    return Snapshot(tuple(Member(f"{name}/{i}", name, s) for i, (name, s) in enumerate(sorted(sources))))


def test_frozen_and_loaded_is_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", shard([source_name(i) for i in range(4)])["tracklets"])
    snapshot = freeze(lake)
    assert len(snapshot.tracklet_ids) == 8
    assert snapshot.tracklet_ids == tuple(sorted(snapshot.tracklet_ids))
    assert snapshot.hours == pytest.approx(8 * 30 / 25 / 3600)
    assert load(lake, snapshot.digest) == snapshot
    assert load(lake, snapshot.digest[:8]) == snapshot
    lake.append("tracklets", shard([source_name(9)])["tracklets"])
    assert load(lake, snapshot.digest) == snapshot
    assert freeze(lake).digest != snapshot.digest
    assert len(digests(lake)) == 2


def test_only_the_newest_labels_of_a_source_are_taken(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", shard([source_name(0)])["tracklets"])
    newer = rows_to_table(
        "tracklets", [tracklet_row(source_name(0), label_key="k2", committed_at=WHEN + timedelta(hours=1))]
    )
    lake.append("tracklets", newer)
    assert freeze(lake).tracklet_ids == tuple(newer["tracklet_id"].to_pylist())


def test_earlier_labels_are_made_current_again_in_one_version(tmp_path: Path) -> None:
    lake, later = Lake(tmp_path), WHEN + timedelta(hours=1)
    for source in (source_name(0), source_name(1)):
        for key, at in (("k1", WHEN), ("k2", later)):
            lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source, label_key=key, committed_at=at)]))
            lake.append("videos", rows_to_table("videos", [video_row(source, label_key=key, committed_at=at)]))
    newer, version = freeze(lake).tracklet_ids, lake.version("videos")
    pairs = {(source_name(0), "k1"), (source_name(1), "k2")}
    assert make_current(lake, pairs, later + timedelta(hours=1)) == 1
    assert (make_current(lake, pairs, later + timedelta(hours=2)), make_current(lake, set(), later)) == (0, 0)
    assert lake.version("videos") == version + 1
    first = tracklet_row(source_name(0), label_key="k1")["tracklet_id"]
    assert set(freeze(lake).tracklet_ids) - set(newer) == {first}
    assert lake.read("videos").num_rows == 4


def test_a_filter_selects(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", shard([source_name(i) for i in range(3)])["tracklets"])
    assert freeze(lake, where=pc.field("source_id") == source_name(1)).sources == (source_name(1),)


def test_missing_and_changed_snapshots_are_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("tracklets", shard([source_name(0)])["tracklets"])
    digest = freeze(lake).digest
    with pytest.raises(SnapshotMissing, match="0000"):
        load(lake, "0" * 64)
    path = tmp_path / "snapshots" / f"{digest}.json"
    one = load(lake, digest).tracklet_ids[0]
    path.write_text(path.read_text().replace(one, "x" + one[1:]))
    with pytest.raises(SnapshotMissing, match="was changed"):
        load(lake, digest)


SOURCES = st.lists(
    st.tuples(st.text("abcdef", min_size=1, max_size=6), st.floats(1, 100)), min_size=1, max_size=30,
    unique_by=lambda pair: pair[0],
)  # fmt: skip


@given(SOURCES, st.integers(0, 5), st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_a_smaller_part_lies_inside_a_larger_one(
    sources: list[tuple[str, float]], seed: int, fractions: list[float]
) -> None:
    whole = made(sources)
    parts = [nested(whole, fraction=f, seed=seed) for f in sorted(fractions)]
    for small, large in itertools.pairwise(parts):
        assert set(small.tracklet_ids) <= set(large.tracklet_ids)
    assert nested(whole, fraction=1.0, seed=seed).digest == whole.digest
    assert nested(whole, hours=0.0, seed=seed).members == ()
    longest = max(s for _, s in sources)
    for fraction, part in zip(sorted(fractions), parts, strict=True):
        assert abs(part.hours - whole.hours * fraction) * 3600 <= longest / 2 + 1e-6


def test_half_is_the_same_half_on_every_machine() -> None:
    whole = made([(f"source-{i}", 10.0) for i in range(8)])
    assert nested(whole, fraction=0.5, seed=0).sources == (
        "source-0",
        "source-1",
        "source-4",
        "source-5",
    )  # sha256sum agrees


def test_what_is_asked_for_must_be_said_once() -> None:
    with pytest.raises(ValueError, match="either"):
        nested(made([("a", 1.0)]))
