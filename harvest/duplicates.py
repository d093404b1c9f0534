"""Finds copies of known videos: a re-upload is kept once, and a lake can stay apart from others (test films, say).

Two videos are copies if their bytes are equal, or if the other one has most of the sampled pictures of the shorter one.
Letters: S sampled pictures of a video.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.lake import Lake

SAME_BITS = 6
"""Pictures whose 64-bit fingerprints differ in no more bits count as equal."""
MIN_SAMPLES = 4
"""A video with fewer sampled pictures is compared by its bytes alone: a few pictures of one background prove little."""
SHARE = 0.5
"""The longer video must have this share of the shorter one's pictures, as in evaluation/contamination.py. All of 12
films of 2.6 s were found after CRF 35, a smaller size at another rate, a logo or another brightness, most after a crop
of 5 % or 0.4 s cut off; 630 pairs of different films shared nothing (docs/results/harvest.md)."""


class KnownVideos:
    """The known videos, by content and by fingerprints."""

    def __init__(self) -> None:
        self._by_content: dict[str, str] = {}
        self._prints: dict[str, NDArray[np.uint64]] = {}

    @classmethod
    def of(cls, lake: Lake, apart_from: Sequence[Lake] = ()) -> "KnownVideos":
        """The videos with tracklets of a lake, and of the lakes from which it must hold no copy."""
        known = cls()
        for other in apart_from:
            known._read(other, f"{other.root}:")
        known._read(lake, "")
        return known

    def _read(self, lake: Lake, prefix: str) -> None:
        """`prefix` marks videos of another lake: there even the same source is a copy."""
        used = set(lake.read("tracklets", ["source_id"]).column(0).unique().to_pylist())
        for row in lake.read("videos", ["source_id", "content_sha256", "fingerprints"]).to_pylist():
            if row["source_id"] in used and row["content_sha256"]:
                self.add(prefix + row["source_id"], row["content_sha256"], row["fingerprints"])

    def add(self, source_id: str, content_sha256: str, fingerprints: list[int]) -> None:
        """Add a video that is kept."""
        self._by_content.setdefault(content_sha256, source_id)
        self._prints[source_id] = _distinct(fingerprints)

    def original_of(self, source_id: str, content_sha256: str, fingerprints: list[int]) -> str | None:
        """The source of which this video is a copy, or None."""
        same = self._by_content.get(content_sha256)
        if same not in (None, source_id):
            return same
        mine = _distinct(fingerprints)
        for other, theirs in self._prints.items():
            if other != source_id and _shared(mine, theirs) >= SHARE:
                return other
        return None


def _distinct(fingerprints: list[int]) -> NDArray[np.uint64]:
    return np.unique(np.array(fingerprints, dtype=np.int64).view(np.uint64))


def _shared(a_S: NDArray[np.uint64], b_S: NDArray[np.uint64]) -> float:
    """Share of the smaller set's pictures that the other has; 0 if it has fewer than MIN_SAMPLES."""
    few, many = sorted((a_S, b_S), key=len)
    if len(few) < MIN_SAMPLES:
        return 0.0
    apart = np.bitwise_count(few[:, None] ^ many[None, :])
    return float((apart.min(axis=1) <= SAME_BITS).mean())
