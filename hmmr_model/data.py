"""Windows for training: half of each batch with 3D labels, half with detected 2D alone.

B windows, L labelled, P pseudo-labelled, T frames, U = T + 2 x margin frames of targets, D numbers of φ, J 25
keypoints, F frames of a piece of a pool.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hmmr_model.augment import augment
from hmmr_model.batch import Batch
from hmmr_model.configs import DataConfig
from hmmr_model.pool import Pool
from hmmr_model.tracks import Track
from storage.windows import WindowStore

LABELLED, PSEUDO, AUGMENT = 1, 2, 3
"""Salts that keep the random streams of one seed apart."""


class TrainingSet:
    """Labelled tracks and pseudo-labelled ones. Without any of the latter the second half of a batch is the labelled
    tracks' own detected 2D, so that every amount of added video sees the same number of 3D windows."""

    def __init__(
        self, labelled: Sequence[Track], pseudo: Sequence[Track] | WindowStore, config: DataConfig, seed: int
    ) -> None:
        if config.batch % 2:
            raise ValueError(f"a batch is half labelled, half not: {config.batch} windows cannot be halved")
        self.config, self._seed = config, seed
        self.labelled = Pool(labelled, config, seed, LABELLED)
        self.pseudo = Pool(labelled if isinstance(pseudo, Sequence) and not pseudo else pseudo, config, seed, PSEUDO)

    @property
    def phi_dim(self) -> int:
        """D."""
        return int(self.labelled.frames.phi(np.zeros(1, np.int64)).shape[1])

    def digest(self) -> str:
        """Hash of everything that may be drawn."""
        digest = hashlib.sha256()
        for pool in (self.labelled, self.pseudo):
            digest.update("\n".join(pool.ids).encode())
            for array in (*map(pool.frames.phi, pool.pieces()), *map(pool.frames.keypoints, pool.pieces())):
                digest.update(np.ascontiguousarray(array).tobytes())
            for array in vars(pool.labels).values():
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def phi_statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (D) of φ over every frame that may be drawn."""
        pools = [self.labelled] + ([self.pseudo] if self.pseudo.ids != self.labelled.ids else [])
        count = sum(int(pool.lengths.sum()) for pool in pools)
        mean_D = np.asarray(sum(map(_sum, pools)) / count)
        variance_D = np.asarray(sum(_squared_distance(pool, mean_D) for pool in pools) / count)
        return torch.tensor(mean_D, dtype=torch.float32), torch.tensor(np.sqrt(variance_D), dtype=torch.float32)

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of one step and process: a pure function of the seed and these."""
        config, half = self.config, self.config.batch // 2
        first = (step * world + rank) * half
        with_3d, pseudo = (pool.draw(range(first, first + half)) for pool in (self.labelled, self.pseudo))
        phi = [self.labelled.frames.phi(with_3d.frames(config.window)[0])]
        phi.append(self.pseudo.frames.phi(pseudo.frames(config.window)[0]))
        labels, (frames_LU, inside_LU) = self.labelled.labels, with_3d.frames(config.window, config.target_margin)
        frames_PU, inside_PU = pseudo.frames(config.window, config.target_margin)
        keypoints_BUJ3 = np.concatenate([labels.keypoints_TJ3[frames_LU], self.pseudo.frames.keypoints(frames_PU)])
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
