"""The labelled set of each series and seed: all of it, or so many of its sources."""

from collections.abc import Mapping, Sequence

from evaluation.study.config import StudyConfigError
from storage.lake import Lake
from storage.snapshot import Snapshot, select, source_order
from storage.tables import read_labels3d

LabelledSets = Mapping[tuple[int | None, int], tuple[str, ...]]
"""Tracklet ids by number of sources (None: all) and seed."""


def labelled_sets(lake: Lake, sizes: Sequence[int | None], seeds: Sequence[int]) -> LabelledSets:
    """Tracklets with 3D of so many sources, nested by the sources' stable hash and drawn anew for each seed.

    StudyConfigError where there are fewer sources, or none.
    """
    known = read_labels3d(lake)
    members = [m for m in select(lake).members if m.tracklet_id in known and known[m.tracklet_id].valid.any()]
    whole = Snapshot(tuple(members))
    if not whole.sources:
        raise StudyConfigError(f"--labelled {lake.root}: no tracklet has 3D labels")
    largest = max((size for size in sizes if size is not None), default=0)
    if largest > len(whole.sources):
        raise StudyConfigError(
            f"labelled: {largest} sources are asked for, {lake.root} has {len(whole.sources)} with 3D; `all` takes all"
        )
    return {(size, seed): _first(whole, size, seed) for size in sizes for seed in seeds}


def hours_of(lake: Lake, sets: LabelledSets, size: int | None) -> float:
    """Mean hours over the seeds of a labelled set."""
    seconds = {member.tracklet_id: member.seconds for member in select(lake).members}
    found = [sum(seconds[one] for one in ids) for (wanted, _), ids in sets.items() if wanted == size]
    return sum(found) / len(found) / 3600.0


def _first(whole: Snapshot, size: int | None, seed: int) -> tuple[str, ...]:
    taken = set(whole.sources if size is None else source_order(whole.sources, seed)[:size])
    return tuple(member.tracklet_id for member in whole.members if member.source_id in taken)
