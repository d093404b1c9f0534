"""Makes batches of tracks: draws windows, collates them, and prepares the next batches in a thread.

Half of each batch has 3D labels, half detected 2D alone. Which window is drawn n-th is a pure function of seed and n,
so that a resumed run draws what it would have drawn.

B windows, L labelled, P pseudo-labelled, T frames of a window, U = T + 2 x margin frames of targets, D numbers of φ,
J 25 keypoints of x, y, score, K betas, F frames of all tracks of a pool. Crop coordinates [-1, 1], metres, camera axes
(x right, y down, z forward).
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from body.joints import KEYPOINTS_25, mirror_permutation
from body.rotations import mirror_pose
from hmmr_model.configs import DataConfig
from hmmr_model.tracks import Floats, Track, TrackLabels, in_crop
from storage.windows import WindowStore


@dataclass(frozen=True)
class Batch:
    """Labelled windows come first, so 3D terms are slices and need no mask of absent labels."""

    phi_BTD: Tensor
    keypoints_BUJ3: Tensor
    """x, y, and 1 where the joint counts as visible."""
    joints_LUJ3: Tensor
    joints_weight_LUJ: Tensor
    rotations_LUJ33: Tensor
    rotations_weight_LU: Tensor
    """1 where the frame has rotations of the network's own body."""
    betas_LUK: Tensor
    betas_weight_LU: Tensor
    tracklet_ids: tuple[str, ...]

    @property
    def labelled(self) -> int:
        """L."""
        return self.joints_LUJ3.shape[0]

    @property
    def margin(self) -> int:
        """Frames that the targets reach past each end of the window of φ; weight 0 beyond the tracklet's ends."""
        return (self.keypoints_BUJ3.shape[1] - self.phi_BTD.shape[1]) // 2

    def with_pseudo_weight(self, weight: float) -> Batch:
        """The same batch, where a visible keypoint of a window without 3D labels counts `weight` instead of 1."""
        if weight == 1.0:
            return self
        keypoints_BUJ3 = self.keypoints_BUJ3.clone()
        keypoints_BUJ3[self.labelled :, ..., 2] *= weight
        return replace(self, keypoints_BUJ3=keypoints_BUJ3)


LABELLED, PSEUDO, AUGMENT, ROUND = 1, 2, 3, 4
"""Salts that keep the random streams of one seed apart."""


class TrainingSet:
    """Labelled tracks and pseudo-labelled ones. Without any of the latter the second half of a batch is the labelled
    tracks' own detected 2D, so that every amount of added video sees the same number of 3D windows.

    `of_round` are tracks with the 3D of a label round; a fixed share of the windows with 3D is then theirs.
    """

    def __init__(
        self, labelled: Sequence[Track], pseudo: Sequence[Track] | WindowStore, config: DataConfig, seed: int,
        of_round: Sequence[Track] = (),
    ) -> None:  # fmt: skip
        if config.batch % 2:
            raise ValueError(f"a batch is half labelled, half not: {config.batch} windows cannot be halved")
        self.config, self._seed = config, seed
        self.store = pseudo if isinstance(pseudo, WindowStore) else None
        self.labelled = Pool(labelled, config, seed, LABELLED)
        self.pseudo = Pool(labelled if isinstance(pseudo, Sequence) and not pseudo else pseudo, config, seed, PSEUDO)
        self.of_round = Pool(of_round, config, seed, ROUND) if of_round else None
        self._of_round = round(config.batch // 2 * config.pseudo3d_share) if of_round else 0
        """Windows of a batch that the round's tracks give."""

    @property
    def phi_dim(self) -> int:
        """D."""
        return int(self.labelled.frames.phi(np.zeros(1, np.int64)).shape[1])

    def digest(self) -> str:
        """Hash of everything that may be drawn."""
        return str(self._once("digest", self._digest)["sha256"])

    def phi_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (D) of φ over every frame that may be drawn."""
        of_phi = self._once("statistics", self._statistics)
        mean_D, deviation_D = np.asarray(of_phi["mean"]), np.asarray(of_phi["deviation"])
        return torch.tensor(mean_D, dtype=torch.float32), torch.tensor(deviation_D, dtype=torch.float32)

    def _once(self, what: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Beside pseudo-labels on the disk it is kept for the other processes of this machine and the next start: a
        pass over a million tracklets' φ takes hours."""
        if self.store is None:
            return make()
        held = hashlib.sha256()
        for pool in (self.labelled, *([self.of_round] if self.of_round else [])):
            _hash_pool(pool, held)
        return self.store.once(f"{what}-{held.hexdigest()[:24]}", make)

    def _digest(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for pool in (self.labelled, self.pseudo, *([self.of_round] if self.of_round else [])):
            _hash_pool(pool, digest)
        return {"sha256": digest.hexdigest()}

    def _statistics(self) -> dict[str, Any]:
        pools = [self.labelled] + ([self.pseudo] if self.pseudo.ids != self.labelled.ids else [])
        count = sum(int(pool.lengths.sum()) for pool in pools)
        mean_D = np.asarray(sum(map(_sum, pools)) / count)
        variance_D = np.asarray(sum(_squared_distance(pool, mean_D) for pool in pools) / count)
        return {"mean": mean_D.tolist(), "deviation": np.sqrt(variance_D).tolist()}

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of one step and process: a pure function of the seed and these."""
        config, half, at = self.config, self.config.batch // 2, step * world + rank
        with_3d = [(self.labelled, self.labelled.draw(_positions(at, half - self._of_round)))]
        if self.of_round:
            with_3d.append((self.of_round, self.of_round.draw(_positions(at, self._of_round))))
        pseudo = self.pseudo.draw(_positions(at, half))
        inputs = [pool.frames.phi(drawn.frames(config.window)[0]) for pool, drawn in with_3d]
        inputs.append(self.pseudo.frames.phi(pseudo.frames(config.window)[0]))
        targets = [(pool.labels, *drawn.frames(config.window, config.target_margin)) for pool, drawn in with_3d]
        inside_LU = np.concatenate([inside for _, _, inside in targets])
        frames_PU, inside_PU = pseudo.frames(config.window, config.target_margin)

        def gathered(name: str) -> Floats:
            return np.concatenate([getattr(labels, name)[frames] for labels, frames, _ in targets])

        keypoints_BUJ3 = np.concatenate([gathered("keypoints_TJ3"), self.pseudo.frames.keypoints(frames_PU)])
        seen_BUJ = keypoints_BUJ3[..., 2] >= config.min_score
        keypoints_BUJ3[..., 2] = seen_BUJ & np.concatenate([inside_LU, inside_PU])[..., None]
        batch = Batch(
            phi_BTD=torch.from_numpy(np.concatenate(inputs)),
            keypoints_BUJ3=torch.from_numpy(keypoints_BUJ3),
            joints_LUJ3=torch.from_numpy(gathered("joints_TJ3")),
            joints_weight_LUJ=torch.from_numpy(gathered("joints_weight_TJ") * inside_LU[..., None]),
            rotations_LUJ33=torch.from_numpy(gathered("rotations_TJ33")),
            rotations_weight_LU=torch.from_numpy(gathered("rotations_weight_T") * inside_LU),
            betas_LUK=torch.from_numpy(gathered("betas_TK")),
            betas_weight_LU=torch.from_numpy(gathered("betas_weight_T") * inside_LU),
            tracklet_ids=tuple(name for drawn in (*[drawn for _, drawn in with_3d], pseudo) for name in drawn.ids),
        )
        return augment(batch, config, np.random.default_rng([self._seed, AUGMENT, step * world + rank]))


def _positions(at: int, count: int) -> range:
    """Those of the endless sequence of windows that one step and process draws, `count` a time."""
    return range(at * count, (at + 1) * count)


def _hash_pool(pool: Pool, digest: hashlib._Hash) -> None:
    digest.update("\n".join(pool.ids).encode())
    for array in (*map(pool.frames.phi, pool.pieces()), *map(pool.frames.keypoints, pool.pieces())):
        digest.update(np.ascontiguousarray(array).tobytes())
    for array in vars(pool.labels).values():
        digest.update(np.ascontiguousarray(array).tobytes())


def _sum(pool: Pool) -> NDArray[np.float64]:
    """Sum of φ over frames, one after the other, as if all lay in one array."""
    total_D = np.zeros(0)
    for frames_F in pool.pieces():
        phi_FD = pool.frames.phi(frames_F).astype(np.float64)
        before_D = total_D if len(total_D) else np.zeros(phi_FD.shape[1])
        total_D = np.concatenate([before_D[None], phi_FD]).sum(axis=0)
    return total_D


def _squared_distance(pool: Pool, mean_D: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over frames of (φ - mean)²."""
    total_D = np.zeros_like(mean_D)
    for frames_F in pool.pieces():
        total_D += np.square(pool.frames.phi(frames_F) - mean_D).sum(axis=0)
    return total_D


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

    def draw(self, positions: range) -> Drawn:
        """The windows at these positions of the endless sequence."""
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
        """Frame numbers (B, U), clamped to the track, and whether each lay in the track before."""
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


PIECE = 4096
"""Frames of φ that one pass over all of them reads at once."""


class Frames(Protocol):
    """φ and detected keypoints of each frame, by its number."""

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


KEYPOINTS_PHI = "keypoints"
_MIRROR_25 = mirror_permutation(KEYPOINTS_25)


def augment(batch: Batch, config: DataConfig, rng: np.random.Generator) -> Batch:
    """The batch mirrored and jittered window by window; unchanged for a φ that cannot follow."""
    if config.phi_name != KEYPOINTS_PHI:
        return batch
    windows = len(batch.tracklet_ids)
    batch = mirror(batch, torch.from_numpy(rng.random(windows) < config.flip))
    scale = np.exp(rng.uniform(-config.box_scale, config.box_scale, windows))
    shift = rng.uniform(-config.box_shift, config.box_shift, (windows, 2))
    batch = move_crop(batch, torch.from_numpy(scale).float(), torch.from_numpy(shift).float())
    return hide_joints(batch, torch.from_numpy(rng.random((*batch.phi_BTD.shape[:2], 25)) < config.joint_dropout))


def mirror(batch: Batch, flags_B: Tensor) -> Batch:
    """Left and right swapped in the flagged windows: keypoints, φ, 3D joints and body rotations."""
    labelled_L = flags_B[: batch.labelled]
    keypoints = _where(flags_B, mirror_points(batch.keypoints_BUJ3), batch.keypoints_BUJ3)
    phi = _points(batch.phi_BTD)
    return replace(
        batch,
        phi_BTD=_where(flags_B, mirror_points(phi), phi).flatten(-2),
        keypoints_BUJ3=keypoints,
        joints_LUJ3=_where(labelled_L, mirror_points(batch.joints_LUJ3), batch.joints_LUJ3),
        joints_weight_LUJ=_where(labelled_L, batch.joints_weight_LUJ[..., _MIRROR_25], batch.joints_weight_LUJ),
        rotations_LUJ33=_where(labelled_L, mirror_pose(batch.rotations_LUJ33), batch.rotations_LUJ33),
    )


def mirror_points(points: Tensor) -> Tensor:
    """(..., 25, 3) with x negated and sides swapped; the third number (score, or z) stays."""
    return points[..., _MIRROR_25, :] * torch.tensor([-1.0, 1.0, 1.0], dtype=points.dtype)


def move_crop(batch: Batch, scale_B: Tensor, shift_B2: Tensor) -> Batch:
    """Keypoints, in φ and as labels, as a crop scaled and shifted would show them."""
    phi = _points(batch.phi_BTD.float())
    seen = phi[..., 2:] > 0  # an unseen joint's coordinates are zeros and stay so
    moved = torch.where(seen, _moved(phi, scale_B, shift_B2), phi)
    return replace(batch, phi_BTD=moved.flatten(-2), keypoints_BUJ3=_moved(batch.keypoints_BUJ3, scale_B, shift_B2))


def hide_joints(batch: Batch, hidden_BTJ: Tensor) -> Batch:
    """φ with some joints as if undetected; the labels keep them."""
    phi = _points(batch.phi_BTD)
    return replace(batch, phi_BTD=torch.where(hidden_BTJ[..., None], torch.zeros_like(phi), phi).flatten(-2))


def _points(phi_BTD: Tensor) -> Tensor:
    return phi_BTD.reshape(*phi_BTD.shape[:2], 25, 3)


def _moved(points_BTJ3: Tensor, scale_B: Tensor, shift_B2: Tensor) -> Tensor:
    xy = points_BTJ3[..., :2] * scale_B[:, None, None, None] + shift_B2[:, None, None]
    return torch.cat([xy, points_BTJ3[..., 2:]], dim=-1)


def _where(flags_B: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(flags_B.view(-1, *[1] * (no.dim() - 1)), yes, no)


AHEAD = 4
"""Batches kept ready; they are small beside the data."""


class Loader:
    """Iterates (step, batch) over a range of steps; `waited_s` is how long the caller waited for data. With `pin` the
    batches lie in page-locked memory, from which a copy to a GPU runs beside the computation."""

    def __init__(self, data: TrainingSet, steps: range, rank: int, world: int, *, pin: bool = False) -> None:
        self._data, self._steps, self._rank, self._world, self._pin = data, steps, rank, world, pin
        self._ready: queue.Queue[tuple[int, Batch] | BaseException] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self.waited_s = 0.0

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        worker = threading.Thread(target=self._work, daemon=True)
        worker.start()
        try:
            for _ in self._steps:
                began = time.perf_counter()
                item = self._ready.get()
                self.waited_s += time.perf_counter() - began
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._stop.set()
            worker.join()

    def _work(self) -> None:
        try:
            for step in self._steps:
                batch = self._data.batch(step, self._rank, self._world)
                if not self._put((step, _pinned(batch) if self._pin else batch)):
                    return
        except BaseException as error:  # handed to the training loop, which raises it where it can be seen
            self._put(error)

    def _put(self, item: tuple[int, Batch] | BaseException) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


def _pinned(batch: Batch) -> Batch:
    held = {f.name: getattr(batch, f.name) for f in fields(batch)}
    pinned: dict[str, Any] = {name: value.pin_memory() for name, value in held.items() if isinstance(value, Tensor)}
    return replace(batch, **pinned)
