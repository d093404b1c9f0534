"""Cuts that were found against cuts that are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.label_quality.table import Table, Value, from_rows

TOLERANCE = 2
"""Frames before and after a transition in which it may be found."""


@dataclass(frozen=True)
class Cuts:
    """One video: the first and last frame of every transition (the same frame for a hard cut: the first of its new
    shot), where shots were found to start (without frame 0), and how many frames there are."""

    true: Sequence[tuple[int, int]]
    found: Sequence[int]
    n_frames: int


def shots_table(by_kind: Mapping[str, Sequence[Cuts]], note: str) -> Table:
    """One row a kind of transition."""
    rows = {kind: shots_row(videos) for kind, videos in by_kind.items() if videos}
    return from_rows("shots", "Shots, by kind of transition", note, rows, of="transition", bar="F1")


def shots_row(videos: Sequence[Cuts]) -> dict[str, Value]:
    """Precision, recall and F1. A transition is found once; what else is found is false."""
    hits = sum(_hits(video) for video in videos)
    there, found = sum(len(video.true) for video in videos), sum(len(video.found) for video in videos)
    precision, recall = hits / found if found else None, hits / there if there else None
    both = there + found
    return {
        "frames": sum(video.n_frames for video in videos), "transitions": there, "found": hits, "false": found - hits,
        "precision": precision, "recall": recall, "F1": 2 * hits / both if both and there else None,
    }  # fmt: skip


def _hits(video: Cuts) -> int:
    free, hits = sorted(video.found), 0
    for first, last in sorted(video.true):
        for at in free:
            if first - TOLERANCE <= at <= last + TOLERANCE:
                free.remove(at)
                hits += 1
                break
    return hits
