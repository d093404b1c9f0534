"""Finds test video that was trained on: by the file's bytes, by how frames look, and by how people move.

A re-upload has other bytes; another resolution, a logo or a cut leave most perceptual hashes within a few bits; a
mirror or a new crop defeats both, but not the motion of the person. One benchmark result of this field had to be
withdrawn (docs/hazards.md, 23).

Legend: E, R windows of evaluated and of trained motion; S samples; T frames; 12 limb joints.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, LIMBS_12, indices, mirror_permutation
from storage.lake import Lake
from storage.tables import TrackletArrays, iter_tracklets

NEAR_BITS = 6
"""Bits of 64 that may differ. Re-encodings of one picture differ by 0 to 4 bits, unrelated ones by 32 +- 4."""
SAME_SHARE = 0.5
"""A video matches where at least this share of its sampled frames is near a frame of one trained video."""
SAMPLE_S, WINDOW = 0.2, 10
"""Motion is compared in windows of 2 s at 5 samples a second, at every phase of the evaluated one."""
NEAR_POSE = 0.04
"""Root mean square distance of joints, in half box sides. Measured: windows of one real clip and its mirrored, smaller
re-encoding lie within 0.022 of each other, windows of strangers no nearer than 0.08 (docs/LOG.md)."""
LEAST_MOTION = 0.03
"""Windows in which the joints move less (standard deviation, half box sides) look like anybody's: not compared."""

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_OTHER_SIDE = mirror_permutation(LIMBS_12)


@dataclass(frozen=True)
class Match:
    """An evaluated video or tracklet that was found in the training data."""

    kind: str
    """content, frames or motion."""
    evaluated: str
    """source_id of the evaluated video, or its tracklet."""
    trained: str
    share: float
    """Share of the video's frames, or of the tracklet's moving windows, that match."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.evaluated} is {self.trained} ({self.share:.0%})"


def contamination(evaluated: Lake, ids: Sequence[str], trained: Lake, trained_ids: Sequence[str]) -> list[Match]:
    """Every match of the evaluated tracklets `ids`, or of their videos, with trained ones. An empty list is good."""
    test_videos, train_videos = _videos(evaluated, ids), _videos(trained, trained_ids)
    return [
        *same_content(test_videos, train_videos),
        *similar_frames(test_videos, train_videos),
        *same_motion(iter_tracklets(evaluated, ids), iter_tracklets(trained, trained_ids)),
    ]


def same_content(evaluated: Sequence[Mapping[str, Any]], trained: Sequence[Mapping[str, Any]]) -> list[Match]:
    """Matches of videos (rows of `videos`) that have the same bytes."""
    trained_source = {row["content_sha256"]: row["source_id"] for row in trained}
    same_bytes = [row for row in evaluated if row["content_sha256"] in trained_source]
    return [Match("content", row["source_id"], trained_source[row["content_sha256"]], 1.0) for row in same_bytes]


def similar_frames(evaluated: Sequence[Mapping[str, Any]], trained: Sequence[Mapping[str, Any]]) -> list[Match]:
    """Matches of videos (rows of `videos`) most of whose sampled frames look like frames of one trained video."""
    hashes = [(row["source_id"], np.array(row["fingerprints"], np.int64).view(np.uint64)) for row in trained]
    matches = []
    for row in evaluated:
        fingerprints = np.array(row["fingerprints"], np.int64).view(np.uint64)
        shares = [
            (_near_share(fingerprints, trained_hashes), source)
            for source, trained_hashes in hashes
            if len(fingerprints) and len(trained_hashes)
        ]
        best = max(shares, default=(0.0, ""))
        if best[0] >= SAME_SHARE:
            matches.append(Match("frames", row["source_id"], best[1], best[0]))
    return matches


def same_motion(evaluated: Iterable[TrackletArrays], trained: Iterable[TrackletArrays]) -> list[Match]:
    """Matches of tracklets that move like a trained tracklet, or like its mirror image."""
    test = [(tracklet, _windows(tracklet, every_phase=True)) for tracklet in evaluated]
    best: dict[str, dict[str, int]] = {tracklet.tracklet_id: defaultdict(int) for tracklet, _ in test}
    for trained_tracklet in trained:
        reference = _windows(trained_tracklet, every_phase=False)
        for tracklet, windows in test if len(reference) else []:
            near = _near_windows(windows, np.concatenate([reference, _mirrored(reference)]))
            best[tracklet.tracklet_id][trained_tracklet.tracklet_id] += int(near.sum())
    return list(_motion_matches(test, best))


def _motion_matches(
    test: Sequence[tuple[TrackletArrays, NDArray[np.float32]]], best: Mapping[str, Mapping[str, int]]
) -> Iterator[Match]:
    for tracklet, windows in test:
        nearest = max(best[tracklet.tracklet_id].items(), key=lambda item: item[1], default=("", 0))
        if len(windows) and nearest[1] / len(windows) >= SAME_SHARE:
            yield Match("motion", tracklet.tracklet_id, nearest[0], nearest[1] / len(windows))


def _videos(lake: Lake, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of `videos` that the tracklets come from."""
    evaluated_ids = set(ids)
    rows = lake.read("tracklets", ["tracklet_id", "source_id"]).to_pylist()
    sources = {row["source_id"] for row in rows if row["tracklet_id"] in evaluated_ids}
    videos = lake.read("videos", ["source_id", "content_sha256", "fingerprints"]).to_pylist()
    return [row for row in videos if row["source_id"] in sources]


def _near_share(evaluated: NDArray[np.uint64], trained: NDArray[np.uint64]) -> float:
    apart = np.bitwise_count(evaluated[:, None] ^ trained[None])
    return float((apart.min(1) <= NEAR_BITS).mean())


def _windows(tracklet: TrackletArrays, *, every_phase: bool) -> NDArray[np.float32]:
    """(E, WINDOW * 24) limb joints in the box's own coordinates, of windows with enough motion."""
    boxes, keypoints = tracklet.boxes.astype(np.float64), tracklet.keypoints[:, _LIMBS].astype(np.float64)
    half = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)[:, None] / 2
    points = (keypoints[..., :2] - (boxes[:, None, :2] + boxes[:, None, 2:]) / 2) / half
    points = np.where(keypoints[..., 2:] > 0, points, 0.0).reshape(len(boxes), -1)
    step = SAMPLE_S * tracklet.fps
    starts = np.arange(0, len(points) - (WINDOW - 1) * step - 1e-9, 1 if every_phase else step)
    at = starts[:, None] + step * np.arange(WINDOW)
    low = np.floor(at).astype(int)
    high, part = np.minimum(low + 1, len(points) - 1), (at - low)[..., None]
    windows = points[low] * (1 - part) + points[high] * part
    moving = windows.std(1).mean(1) > LEAST_MOTION
    return np.asarray(windows[moving].reshape(int(moving.sum()), WINDOW * points.shape[1]), np.float32)


def _mirrored(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    points = windows.reshape(len(windows), WINDOW, len(LIMBS_12), 2)[:, :, _OTHER_SIDE]
    return np.asarray(points * np.array([-1, 1], np.float32)).reshape(windows.shape)


def _near_windows(windows: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(E,) whether some reference window is near; the distance by one matrix product."""
    if not len(windows):
        return np.zeros(0, bool)
    squares = (windows**2).sum(1)[:, None] + (reference**2).sum(1)[None] - 2 * windows @ reference.T
    return np.asarray(squares.min(1) <= NEAR_POSE**2 * windows.shape[1])
