"""Ways to cut a pool into parts: by source, tag, confidence of the labels, length, and side that is seen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from body.joints import KEYPOINTS_25
from storage.lake import Lake

DECILES = 10
_SIDE = 0.25
"""Shoulders nearer than this share of the torso's length, as seen, count as a side view."""

_COLUMNS = ["tracklet_id", "source_id", "seconds", "n_frames", "mean_score", "tags"]

Groups = dict[str, list[str]]
"""Tracklet ids of each group; a tracklet is in one group."""


def by_source(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Each video a group."""
    return _gathered(rows, lambda row: str(row["source_id"])[:12])


def by_tag(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """By the first word that the source list gave the video."""
    return _gathered(rows, lambda row: row["tags"][0] if row["tags"] else "untagged")


def by_confidence(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Deciles of the mean keypoint score, from the least sure."""
    return _quantiles(rows, "mean_score", "confidence", DECILES)


def by_length(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Thirds of the tracklets' lengths, from the shortest."""
    return _quantiles(rows, "n_frames", "length", 3)


def by_view(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Front, back or side, by which shoulder is on which side of the picture; rows must carry keypoints."""
    return _gathered(rows, lambda row: view_of(np.asarray(row["keypoints"], dtype=np.float64).reshape(-1, 25, 3)))


CUTS: dict[str, Callable[[Sequence[Mapping[str, Any]]], Groups]] = {
    "source": by_source, "tag": by_tag, "confidence": by_confidence, "length": by_length, "view": by_view,
}  # fmt: skip


def cut(lake: Lake, ids: Sequence[str], by: str) -> Groups:
    """The tracklets `ids` of a lake, cut `by` one of CUTS."""
    columns = [*_COLUMNS, *(["keypoints"] if by == "view" else [])]
    rows = lake.read("tracklets", columns, pc.field("tracklet_id").isin(list(ids))).to_pylist()
    return CUTS[by](rows)


def view_of(keypoints_T25x3: np.ndarray) -> str:
    """front, back, side or unknown: the median over frames of left minus right shoulder, in torso lengths."""
    left, right, hip_l, hip_r = (
        keypoints_T25x3[:, KEYPOINTS_25.index(name)]
        for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    )
    seen = np.min([left[:, 2], right[:, 2], hip_l[:, 2], hip_r[:, 2]], axis=0) > 0
    if not seen.any():
        return "unknown"
    torso = np.linalg.norm(((left + right) - (hip_l + hip_r))[seen, :2] / 2, axis=1)
    width = float(np.median((left - right)[seen, 0] / np.maximum(torso, 1e-6)))
    if abs(width) < _SIDE:
        return "side"
    return "front" if width > 0 else "back"


def _gathered(rows: Sequence[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str]) -> Groups:
    groups: Groups = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row["tracklet_id"])
    return dict(sorted(groups.items()))


def _quantiles(rows: Sequence[Mapping[str, Any]], column: str, word: str, parts: int) -> Groups:
    """Equal parts by rank, so that ties and outliers cannot empty one."""
    order = sorted(rows, key=lambda row: (row[column], row["tracklet_id"]))
    parts = min(parts, max(len(order), 1))
    width = len(str(parts))
    return {
        f"{word} {part + 1:0{width}d} of {parts}": [
            row["tracklet_id"] for row in order[part * len(order) // parts : (part + 1) * len(order) // parts]
        ]
        for part in range(parts)
        if order
    }
