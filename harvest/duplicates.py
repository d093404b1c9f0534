"""The same video twice: re-uploads are kept once, and none of what another lake holds (its test films, say) comes in.

Equal bytes are always the same. Otherwise two videos are the same if most of the sampled pictures of the shorter one
are found in the other. V known videos, S samples of a video, M samples of all known videos.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.lake import Lake

SAME_BITS = 6
"""Pictures whose 64-bit fingerprints differ in no more bits are one picture, re-encoded."""
MIN_SAMPLES = 4
"""Shorter videos are judged by their bytes alone: few pictures, perhaps of one background, say too little."""
SHARE = 0.5
"""So much of the shorter video must be found in the longer; as in evaluation/contamination.py. Of 12 films of 2.6 s all
were found again after CRF 35, a smaller size at another rate, a logo or another brightness, most after a crop of 5 % or
0.4 s cut off; 630 pairs of different films shared nothing (docs/results/harvest.md)."""


class KnownVideos:
    """What there is, by content and by sight."""

    def __init__(self) -> None:
        self._by_content: dict[str, str] = {}
        self._prints: dict[str, NDArray[np.uint64]] = {}

    @classmethod
    def of(cls, lake: Lake, apart_from: Sequence[Lake] = ()) -> "KnownVideos":
        """All videos of a lake that gave tracklets, and all of the lakes that it must stay apart from."""
        known = cls()
        for other in apart_from:
            known._read(other, f"{other.root}:")
        known._read(lake, "")
        return known

    def _read(self, lake: Lake, prefix: str) -> None:
        """`prefix` tells another lake's videos from ours: there even the very same source is a copy."""
        used = set(lake.read("tracklets", ["source_id"]).column(0).unique().to_pylist())
        for row in lake.read("videos", ["source_id", "content_sha256", "fingerprints"]).to_pylist():
            if row["source_id"] in used and row["content_sha256"]:
                self.add(prefix + row["source_id"], row["content_sha256"], row["fingerprints"])

    def add(self, source_id: str, content_sha256: str, fingerprints: list[int]) -> None:
        """One more video, once it is kept."""
        self._by_content.setdefault(content_sha256, source_id)
        self._prints[source_id] = _distinct(fingerprints)

    def original_of(self, source_id: str, content_sha256: str, fingerprints: list[int]) -> str | None:
        """The other source that this video is a copy of, or None."""
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
    """Share of the smaller set's pictures that the other has; 0 if there are too few to tell."""
    few, many = sorted((a_S, b_S), key=len)
    if len(few) < MIN_SAMPLES:
        return 0.0
    apart = np.bitwise_count(few[:, None] ^ many[None, :])
    return float((apart.min(axis=1) <= SAME_BITS).mean())
