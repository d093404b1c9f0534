"""Finds copies of videos that other lakes hold (test films, say), so that a lake can stay apart from them.

Copies within a lake are the ledger's to know (storage/ledger/copies.py), by the same rule: equal bytes, or most of the
sampled pictures of the shorter video found in the other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.lake import Lake
from storage.ledger.copies import SHARE, distinct, shared


class KnownVideos:
    """Videos of other lakes, by content and by sight."""

    def __init__(self) -> None:
        self._by_content: dict[str, str] = {}
        self._prints: dict[str, NDArray[np.uint64]] = {}

    @classmethod
    def of(cls, apart_from: Sequence[Lake]) -> "KnownVideos":
        """All videos that gave tracklets of the lakes that a lake must stay apart from."""
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
