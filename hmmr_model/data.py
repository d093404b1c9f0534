"""Windows for training: half of each batch with 3D labels, half with detected 2D alone.

B windows, L labelled, T frames, D numbers of φ, J 25 keypoints, N frames of all tracks of a pool in a row.
"""

import hashlib
from collections.abc import Sequence

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
        self.window = config.window
        self.ids = [track.tracklet_id for track in tracks]
        self.draws = Draws(lengths, config.window, seed, salt)
        self.offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        self.phi_ND = np.concatenate([track.phi_TD for track in tracks])
        self.keypoints_NJ3 = np.concatenate([track.keypoints_TJ3 for track in tracks])
        self.labels = _joined([track.labels for track in tracks if track.labels is not None])

    def frames(self, positions: range) -> tuple[NDArray[np.int64], list[str]]:
        """Frame numbers (B, T) of these draws, and whose they are."""
        tracks, firsts = self.draws.pick(positions)
        frames_BT = (self.offsets[tracks] + firsts)[:, None] + np.arange(self.window)
        return frames_BT, [self.ids[t] for t in tracks]


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
        half = self.config.batch // 2
        first = (step * world + rank) * half
        labelled_LT, labelled_ids = self.labelled.frames(range(first, first + half))
        pseudo_UT, pseudo_ids = self.pseudo.frames(range(first, first + half))
        keypoints = [self.labelled.labels.keypoints_TJ3[labelled_LT], self.pseudo.keypoints_NJ3[pseudo_UT]]
        keypoints_BTJ3 = np.concatenate(keypoints)
        keypoints_BTJ3[..., 2] = keypoints_BTJ3[..., 2] >= self.config.min_score
        labels = self.labelled.labels
        phi_BTD = np.concatenate([self.labelled.phi_ND[labelled_LT], self.pseudo.phi_ND[pseudo_UT]])
        batch = Batch(
            phi_BTD=torch.from_numpy(phi_BTD),
            keypoints_BTJ3=torch.from_numpy(keypoints_BTJ3),
            joints_LTJ3=torch.from_numpy(labels.joints_TJ3[labelled_LT]),
            joints_weight_LTJ=torch.from_numpy(labels.joints_weight_TJ[labelled_LT]),
            rotations_LTJ33=torch.from_numpy(labels.rotations_TJ33[labelled_LT]),
            rotations_weight_LT=torch.from_numpy(labels.rotations_weight_T[labelled_LT]),
            betas_LTK=torch.from_numpy(labels.betas_TK[labelled_LT]),
            betas_weight_LT=torch.from_numpy(labels.betas_weight_T[labelled_LT]),
            tracklet_ids=(*labelled_ids, *pseudo_ids),
        )
        return augment(batch, self.config, np.random.default_rng([self._seed, AUGMENT, step * world + rank]))


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
