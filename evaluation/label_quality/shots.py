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
    """Precision, recall and F1. A transition is found once. What is found in it besides is `again`: it cuts the
    transition's own pictures in two, which no label needs, and counts neither for nor against. The rest is false."""
    pairs = [_hits(video) for video in videos]
    hits, again = (sum(column) for column in zip(*pairs, strict=True))
    there, found = sum(len(video.true) for video in videos), sum(len(video.found) for video in videos) - again
    return {
        "frames": sum(video.n_frames for video in videos), "transitions": there, "found": hits, "again": again,
        "false": found - hits, "precision": hits / found if found else None, "recall": hits / there if there else None,
        "F1": 2 * hits / (there + found) if there else None,
    }  # fmt: skip


def _hits(video: Cuts) -> tuple[int, int]:
    """How many transitions were found, and how often one was found again."""
    free, hits, again = set(video.found), 0, 0
    for first, last in sorted(video.true):
        inside = {at for at in free if first - TOLERANCE <= at <= last + TOLERANCE}
        hits, again, free = hits + bool(inside), again + max(0, len(inside) - 1), free - inside
    return hits, again
