"""The frames that windows are drawn from, in memory or on the disk, and which of them belong to which track.

B windows, T frames of a window, U = T + 2 x margin frames of targets, D numbers of φ, J 25 keypoints, F frames of all
tracks of a pool.

Which window is drawn n-th: a pure function of seed and n, so that a resumed run draws what it would have drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hmmr_model.configs import DataConfig
from hmmr_model.lake_tracks import in_crop
from hmmr_model.tracks import Floats, Track, TrackLabels
from storage.windows import WindowStore

PIECE = 4096
"""Frames of φ that are looked at together when all are passed over."""


class Frames(Protocol):
    """What is known of each frame, by its number."""

    def phi(self, frames: NDArray[np.int64]) -> NDArray[np.float16]:
        """(..., D) of frame numbers of any shape."""

    def keypoints(self, frames: NDArray[np.int64]) -> Floats:
        """(..., J, 3) detected, in crop coordinates: x, y, score."""


class HeldFrames:
    """Tracks in memory, laid end to end, so that a batch is one gather an array."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._phi_FD = np.concatenate([track.phi_TD for track in tracks])
        self._keypoints_FJ3 = np.concatenate([track.keypoints_TJ3 for track in tracks])

    def phi(self, frames: NDArray[np.int64]) -> NDArray[np.float16]:
        """(..., D)."""
        return self._phi_FD[frames]

    def keypoints(self, frames: NDArray[np.int64]) -> Floats:
        """(..., J, 3)."""
        return self._keypoints_FJ3[frames]


class StoredFrames:
    """Frames of a store on the disk, of which the system keeps in memory what it has room for."""

    def __init__(self, store: WindowStore) -> None:
        self._store = store

    def phi(self, frames: NDArray[np.int64]) -> NDArray[np.float16]:
        """(..., D)."""
        return self._store.phi_at(frames)

    def keypoints(self, frames: NDArray[np.int64]) -> Floats:
        """(..., J, 3)."""
        return in_crop(self._store.keypoints_at(frames), self._store.boxes_at(frames))


class Pool:
    """Tracks in an order, and the endless sequence of windows that are drawn from them."""

    def __init__(self, tracks: Sequence[Track] | WindowStore, config: DataConfig, seed: int, salt: int) -> None:
        self.frames: Frames
        if isinstance(tracks, WindowStore):
            self.ids, self.frames = list(tracks.tracklet_ids), StoredFrames(tracks)
            self.offsets, self.lengths = tracks.places(self.ids)
        else:
            self.ids, self.frames = [track.tracklet_id for track in tracks], HeldFrames(tracks)
            self.lengths = np.asarray([len(track) for track in tracks], np.int64)
            self.offsets = (np.cumsum(self.lengths) - self.lengths).astype(np.int64)
        held = () if isinstance(tracks, WindowStore) else tracks
        self.labels = _joined([track.labels for track in held if track.labels is not None])
        self.draws = Draws(self.lengths.tolist(), config.window, seed, salt)

    def draw(self, positions: range) -> "Drawn":
        """These draws of the endless sequence."""
        tracks, firsts = self.draws.pick(positions)
        return Drawn(self.offsets[tracks], firsts, self.lengths[tracks], [self.ids[t] for t in tracks])

    def pieces(self) -> Iterator[NDArray[np.int64]]:
        """The numbers of all frames in the order of the tracks, PIECE at a time."""
        starts = np.cumsum(self.lengths) - self.lengths
        total = int(self.lengths.sum())
        for start in range(0, total, PIECE):
            at = np.arange(start, min(start + PIECE, total))
            track = np.searchsorted(starts, at, side="right") - 1
            yield self.offsets[track] + at - starts[track]


@dataclass(frozen=True)
class Drawn:
    """Windows that were drawn: where their tracks' frames begin, and where in its track each window begins."""

    offsets_B: NDArray[np.int64]
    firsts_B: NDArray[np.int64]
    lengths_B: NDArray[np.int64]
    ids: list[str]

    def frames(self, window: int, margin: int = 0) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Frame numbers (B, U) and whether they lie in the track; those that do not are its nearest."""
        at_BU = self.firsts_B[:, None] + np.arange(-margin, window + margin)
        last_B1 = self.lengths_B[:, None] - 1
        return self.offsets_B[:, None] + np.clip(at_BU, 0, last_B1), (at_BU >= 0) & (at_BU <= last_B1)


def _joined(labels: Sequence[TrackLabels]) -> TrackLabels:
    names = TrackLabels.__dataclass_fields__
    if not labels:
        return TrackLabels(*[np.empty(0, np.float32) for _ in names])
    return TrackLabels(*[np.concatenate([getattr(label, name) for label in labels]) for name in names])


class Draws:
    """Every track once an epoch, in a fresh order, with a window that starts anywhere in it (docs/paper.md 2.3)."""

    def __init__(self, lengths: Sequence[int], window: int, seed: int, salt: int) -> None:
        if not lengths or min(lengths) < window:
            raise ValueError(f"needs at least one track, and tracks of at least {window} frames")
        self._starts_N = np.asarray(lengths) - window + 1
        self._seed, self._salt = seed, salt
        self._epoch = lru_cache(maxsize=4)(self._draw_epoch)

    def pick(self, positions: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Track and first frame of the draws at these positions of the endless sequence."""
        picked = [self._one(position) for position in positions]
        tracks, firsts = np.array(picked, np.int64).reshape(-1, 2).T
        return tracks, firsts

    def _one(self, position: int) -> tuple[int, int]:
        epoch, index = divmod(position, len(self._starts_N))
        order_N, first_N = self._epoch(epoch)
        return int(order_N[index]), int(first_N[index])

    def _draw_epoch(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = np.random.default_rng([self._seed, self._salt, epoch])
        order_N = rng.permutation(len(self._starts_N))
        return order_N, (rng.random(len(order_N)) * self._starts_N[order_N]).astype(np.int64)
