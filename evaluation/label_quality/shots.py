"""Precision and recall of detected cuts against the true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.label_quality.table import Table, Value, from_rows

TOLERANCE = 2
"""Frames before and after a transition in which it may be found."""


@dataclass(frozen=True)
class Cuts:
    """True and detected cuts of one video.

    `true` holds the first and last frame of every transition; for a hard cut both are the first frame of the new shot.
    `found` holds the frames at which a shot was detected to start, without frame 0.
    """

    true: Sequence[tuple[int, int]]
    found: Sequence[int]
    n_frames: int


def shots_table(by_kind: Mapping[str, Sequence[Cuts]], note: str) -> Table:
    """One row for each kind of transition."""
    rows = {kind: shots_row(videos) for kind, videos in by_kind.items() if videos}
    return from_rows("shots", "Shots, by kind of transition", note, rows, of="transition", bar="F1")


def shots_row(videos: Sequence[Cuts]) -> dict[str, Value]:
    """Precision, recall and F1.

    The first detection inside a transition is a hit. Further ones are `again`: they split the transition's own frames,
    which no label needs, and count neither for nor against. All others are false.
    """
    pairs = [_hits(video) for video in videos]
    hits, again = (sum(column) for column in zip(*pairs, strict=True))
    transitions, detections = (
        sum(len(video.true) for video in videos),
        sum(len(video.found) for video in videos) - again,
    )
    return {
        "frames": sum(video.n_frames for video in videos), "transitions": transitions, "found": hits, "again": again,
        "false": detections - hits, "precision": hits / detections if detections else None,
        "recall": hits / transitions if transitions else None,
        "F1": 2 * hits / (transitions + detections) if transitions else None,
    }  # fmt: skip


def _hits(video: Cuts) -> tuple[int, int]:
    """How many transitions were found, and how often one was found again."""
    unmatched, hits, again = set(video.found), 0, 0
    for first, last in sorted(video.true):
        inside = {at for at in unmatched if first - TOLERANCE <= at <= last + TOLERANCE}
        hits, again, unmatched = hits + bool(inside), again + max(0, len(inside) - 1), unmatched - inside
    return hits, again
