"""Windows for training: half of each batch with 3D labels, half with detected 2D alone.

B windows, L labelled, T frames, U = T + 2 x margin frames of targets, D numbers of φ, J 25 keypoints, N frames of all
tracks of a pool in a row.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hmmr_model.augment import augment
from hmmr_model.batch import Batch
from hmmr_model.configs import DataConfig
from hmmr_model.draws import Draws
from hmmr_model.tracks import Track, TrackLabels

LABELLED, PSEUDO, AUGMENT = 1, 2, 3
"""Salts that keep the random streams of one seed apart."""


class Pool:
    """Tracks laid end to end, so that a batch is one gather an array."""

    def __init__(self, tracks: Sequence[Track], config: DataConfig, seed: int, salt: int) -> None:
        lengths = [len(track) for track in tracks]
        self.ids = [track.tracklet_id for track in tracks]
        self.draws = Draws(lengths, config.window, seed, salt)
        self.lengths = np.asarray(lengths, np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        self.phi_ND = np.concatenate([track.phi_TD for track in tracks])
        self.keypoints_NJ3 = np.concatenate([track.keypoints_TJ3 for track in tracks])
        self.labels = _joined([track.labels for track in tracks if track.labels is not None])

    def draw(self, positions: range) -> "Drawn":
        """These draws of the endless sequence."""
        tracks, firsts = self.draws.pick(positions)
        return Drawn(self.offsets[tracks], firsts, self.lengths[tracks], [self.ids[t] for t in tracks])


@dataclass(frozen=True)
class Drawn:
    """Windows that were drawn: where their tracks lie in a row of frames, and where in its track each window begins."""

    offsets_B: NDArray[np.int64]
    firsts_B: NDArray[np.int64]
    lengths_B: NDArray[np.int64]
    ids: list[str]

    def frames(self, window: int, margin: int = 0) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Frame numbers (B, U) and whether they lie in the track; those that do not are its nearest."""
        at_BU = self.firsts_B[:, None] + np.arange(-margin, window + margin)
        last_B1 = self.lengths_B[:, None] - 1
        return self.offsets_B[:, None] + np.clip(at_BU, 0, last_B1), (at_BU >= 0) & (at_BU <= last_B1)


class TrainingSet:
    """Labelled tracks and pseudo-labelled ones. Without any of the latter the second half of a batch is the labelled
    tracks' own detected 2D, so that every amount of added video sees the same number of 3D windows."""

    def __init__(self, labelled: Sequence[Track], pseudo: Sequence[Track], config: DataConfig, seed: int) -> None:
        if config.batch % 2:
            raise ValueError(f"a batch is half labelled, half not: {config.batch} windows cannot be halved")
        self.config, self._seed = config, seed
        self.labelled = Pool(labelled, config, seed, LABELLED)
        self.pseudo = Pool(pseudo or labelled, config, seed, PSEUDO)

    @property
    def phi_dim(self) -> int:
        """D."""
        return int(self.labelled.phi_ND.shape[1])

    def digest(self) -> str:
        """Hash of everything that may be drawn."""
        digest = hashlib.sha256()
        for pool in (self.labelled, self.pseudo):
            digest.update("\n".join(pool.ids).encode())
            for array in (pool.phi_ND, pool.keypoints_NJ3, *vars(pool.labels).values()):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def phi_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (D) of φ over every frame that may be drawn."""
        pools = [self.labelled.phi_ND] + ([self.pseudo.phi_ND] if self.pseudo.ids != self.labelled.ids else [])
        count = sum(len(phi) for phi in pools)
        mean_D = sum(phi.sum(axis=0, dtype=np.float64) for phi in pools) / count
        variance_D = sum(_squared_distance(phi, mean_D) for phi in pools) / count
        return torch.tensor(mean_D, dtype=torch.float32), torch.tensor(np.sqrt(variance_D), dtype=torch.float32)

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of one step and process: a pure function of the seed and these."""
        config, half = self.config, self.config.batch // 2
        first = (step * world + rank) * half
        with_3d, pseudo = (pool.draw(range(first, first + half)) for pool in (self.labelled, self.pseudo))
        phi = [self.labelled.phi_ND[with_3d.frames(config.window)[0]]]
        phi.append(self.pseudo.phi_ND[pseudo.frames(config.window)[0]])
        labels, (frames_LU, inside_LU) = self.labelled.labels, with_3d.frames(config.window, config.target_margin)
        frames_PU, inside_PU = pseudo.frames(config.window, config.target_margin)
        keypoints_BUJ3 = np.concatenate([labels.keypoints_TJ3[frames_LU], self.pseudo.keypoints_NJ3[frames_PU]])
        seen_BUJ = keypoints_BUJ3[..., 2] >= config.min_score
        keypoints_BUJ3[..., 2] = seen_BUJ & np.concatenate([inside_LU, inside_PU])[..., None]
        batch = Batch(
            phi_BTD=torch.from_numpy(np.concatenate(phi)),
            keypoints_BUJ3=torch.from_numpy(keypoints_BUJ3),
            joints_LUJ3=torch.from_numpy(labels.joints_TJ3[frames_LU]),
            joints_weight_LUJ=torch.from_numpy(labels.joints_weight_TJ[frames_LU] * inside_LU[..., None]),
            rotations_LUJ33=torch.from_numpy(labels.rotations_TJ33[frames_LU]),
            rotations_weight_LU=torch.from_numpy(labels.rotations_weight_T[frames_LU] * inside_LU),
            betas_LUK=torch.from_numpy(labels.betas_TK[frames_LU]),
            betas_weight_LU=torch.from_numpy(labels.betas_weight_T[frames_LU] * inside_LU),
            tracklet_ids=(*with_3d.ids, *pseudo.ids),
        )
        return augment(batch, config, np.random.default_rng([self._seed, AUGMENT, step * world + rank]))


def _joined(labels: Sequence[TrackLabels]) -> TrackLabels:
    names = TrackLabels.__dataclass_fields__
    if not labels:
        return TrackLabels(*[np.empty(0, np.float32) for _ in names])
    return TrackLabels(*[np.concatenate([getattr(label, name) for label in labels]) for name in names])


def _squared_distance(phi_ND: NDArray[np.float16], mean_D: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over frames of (φ - mean)², in pieces: a lake's φ in float64 at once would not fit."""
    total_D = np.zeros_like(mean_D)
    for start in range(0, len(phi_ND), 4096):
        total_D += np.square(phi_ND[start : start + 4096] - mean_D).sum(axis=0)
    return total_D
