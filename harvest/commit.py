"""Finished videos go into the lake in shards: all their rows, then the ledger's word, exactly once."""

import time
from datetime import UTC, datetime

from harvest.label import LabelledVideo
from storage.commit import commit_shard
from storage.errors import CommitAborted
from storage.items import Finished
from storage.lake import Lake
from storage.ledger import Ledger
from storage.tables import rows_to_table

STAMPED = ("tracklets", "videos")
"""Tables whose rows say when they were written."""


class Shard:
    """Labelled videos that wait for their commit."""

    def __init__(self, lake: Lake, ledger: Ledger, worker: str, *, max_videos: int, max_seconds: float) -> None:
        self._lake, self._ledger, self._worker = lake, ledger, worker
        self._max_videos, self._max_seconds = max_videos, max_seconds
        self._waiting: dict[str, LabelledVideo] = {}
        self._since = time.monotonic()

    @property
    def item_ids(self) -> list[str]:
        """Items whose labels are not in the lake yet."""
        return list(self._waiting)

    def add(self, item_id: str, labelled: LabelledVideo) -> None:
        """One more video; committed soon."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting[item_id] = labelled

    @property
    def due(self) -> bool:
        """Full, or waiting for long enough."""
        old = bool(self._waiting) and time.monotonic() - self._since > self._max_seconds
        return old or len(self._waiting) >= self._max_videos

    def commit(self) -> tuple[str, ...]:
        """Write all that waits. Returns the items that went in; those that are somebody else's by now are left out."""
        if not self._waiting:
            return ()
        videos, self._waiting = self._waiting, {}
        now = datetime.now(UTC)
        names = next(iter(videos.values())).rows
        tables = {
            name: rows_to_table(name, [
                {**row, "committed_at": now} if name in STAMPED else row
                for video in videos.values() for row in video.rows[name]
            ])
            for name in names
        }  # fmt: skip
        try:
            return commit_shard(self._lake, self._ledger, self._worker, tables, _finished(videos))
        except CommitAborted:
            return ()


def _finished(videos: dict[str, LabelledVideo]) -> dict[str, Finished]:
    return {
        item_id: Finished(video.label_key, video.n_tracklets, video.rejection.reason if video.rejection else None)
        for item_id, video in videos.items()
    }
