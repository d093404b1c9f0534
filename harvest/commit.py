"""Commits finished videos to the lake in shards: first all rows, then the ledger's entries, exactly once."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pyarrow as pa

from harvest.errors import Erased
from harvest.label import TABLES_OF_A_VIDEO, LabelledVideo
from harvest.shot_labels import read_features
from storage.commit import commit_shard
from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import CommitAborted, LedgerError
from storage.labels.versions import make_current
from storage.lake import Lake
from storage.ledger.items import Finished
from storage.ledger.ledger import Ledger
from storage.stage_cache import Deferred
from storage.tables import rows_to_table

STAMPED = ("tracklets", "videos")
"""Tables whose rows say when they were written."""

MAX_BYTES = 256 * 2**20
"""Most bytes of features in one commit, which reads them from the disk into memory."""


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
        """Adds a video to the next commit."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting[item_id] = labelled

    @property
    def due(self) -> bool:
        """Whether to commit now: the shard is full, or old enough, or has more than MAX_BYTES of features."""
        old = bool(self._waiting) and time.monotonic() - self._since > self._max_seconds
        large = (
            sum(features.size for video in self._waiting.values() for features in _stored_features(video)) > MAX_BYTES
        )
        return old or large or len(self._waiting) >= self._max_videos

    def commit(self) -> tuple[str, ...]:
        """Write all waiting videos. Returns the items that were committed; items that another run holds by now are left
        out.

        After a LakeError or OSError nothing is lost: all videos wait for the next call.
        """
        if not self._waiting:
            return ()
        videos = {item_id: video for item_id, video in self._waiting.items() if _is_whole(video)}
        items = self._write(videos)
        self._waiting = {}
        return items

    def _write(self, videos: dict[str, LabelledVideo]) -> tuple[str, ...]:
        for item_id in self._erased(videos):
            del videos[item_id]
            with suppress(LedgerError):  # somebody else's by now
                self._ledger.reject(item_id, self._worker, Erased.reason)
        items = self._commit(videos) if videos else ()
        # An erasure buries contents first and looks for them again then: whoever comes later sees the other.
        for item_id in self._erased({item_id: videos[item_id] for item_id in items}):
            erase(self._lake, self._ledger, Target(sources=(item_id,)), why="its content was erased before")
        return items

    def _erased(self, videos: dict[str, LabelledVideo]) -> list[str]:
        """Items whose exact content was erased from the lake, under whatever address."""
        contents = {item_id: row["content_sha256"] for item_id, video in videos.items() for row in video.rows["videos"]}
        buried = set(self._ledger.tombstones.among("content", set(contents.values()))) if contents else set()
        return [item_id for item_id, content in contents.items() if content in buried]

    def _commit(self, videos: dict[str, LabelledVideo]) -> tuple[str, ...]:
        there = self._ledger.labels.among({(item_id, video.label_key) for item_id, video in videos.items()})
        fresh = [video for item_id, video in videos.items() if (item_id, video.label_key) not in there]
        try:
            # before the ledger marks them done: if interrupted here, the next run repeats it
            make_current(self._lake, there, datetime.now(UTC))
            return commit_shard(self._lake, self._ledger, self._worker, _tables(fresh), _finished(videos))
        except CommitAborted:
            return ()


def _stored_features(video: LabelledVideo) -> list[Deferred]:
    return [value for row in video.rows["features"] for value in row.values() if isinstance(value, Deferred)]


def _is_whole(video: LabelledVideo) -> bool:
    """Whether its features can still be read. An erasure of its source deletes them with the cache."""
    return all(features.there for features in _stored_features(video))


def _tables(videos: Sequence[LabelledVideo]) -> dict[str, pa.Table]:
    stamp = {"committed_at": datetime.now(UTC)}
    return {
        name: rows_to_table(
            name,
            [row | stamp if name in STAMPED else read_features(row) for video in videos for row in video.rows[name]],
        )
        for name in TABLES_OF_A_VIDEO
    }


def _finished(videos: dict[str, LabelledVideo]) -> dict[str, Finished]:
    return {
        item_id: Finished(video.label_key, video.n_tracklets, video.rejection.reason if video.rejection else None)
        for item_id, video in videos.items()
    }
