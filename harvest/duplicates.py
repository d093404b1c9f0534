"""Fingerprints of pictures, and a search for copies of videos that other lakes hold (test films, say), to keep lakes
disjoint.

A fingerprint describes a picture by 64 bits that survive re-encoding, resizing and a logo: pHash (low frequencies of a
DCT against their median; Zauner 2010). It is stored for sampled frames of each video. A video is a copy of another if
the bytes are equal, or if the other has most of the sampled pictures of the shorter one. The ledger finds copies within
one lake by the same rule (storage/ledger/content.py).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from harvest.video.shots import shrink
from storage.lake import Lake
from storage.ledger.content import SHARE, distinct, shared

SAMPLE_SECONDS = 0.5
"""Two frames a second: clips of the open web are often a few seconds long."""
MAX_SAMPLES = 600
"""Most samples of one video: five minutes identify a re-upload as well as an hour does."""


def fingerprint(pixels_HW3: NDArray[np.uint8]) -> int:
    """64 bits as a signed integer, as Parquet's int64 holds them."""
    grey = cv2.cvtColor(shrink(pixels_HW3, 32, 32), cv2.COLOR_RGB2GRAY)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">i8")[0])


def bits_apart(a: int, b: int) -> int:
    """How many of the 64 bits differ."""
    return ((a ^ b) & (2**64 - 1)).bit_count()


class KnownVideos:
    """Videos of other lakes, by the hash of their file and by their fingerprints."""

    def __init__(self) -> None:
        self._by_content: dict[str, str] = {}
        self._prints: dict[str, NDArray[np.uint64]] = {}

    @classmethod
    def of(cls, apart_from: Sequence[Lake]) -> "KnownVideos":
        """Reads all videos with tracklets from the lakes in `apart_from`, from which a harvest must stay disjoint."""
        known = cls()
        for other in apart_from:
            known._read(other, f"{other.root}:")
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
        self._prints[source_id] = distinct(fingerprints)

    def original_of(self, source_id: str, content_sha256: str, fingerprints: list[int]) -> str | None:
        """The source of which this video is a copy, or None."""
        same = self._by_content.get(content_sha256)
        if same not in (None, source_id):
            return same
        mine = distinct(fingerprints)
        for other, theirs in self._prints.items():
            if other != source_id and shared(mine, theirs) >= SHARE:
                return other
        return None
