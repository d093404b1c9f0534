"""Synthetic tracks: smooth poses of the open body, seen by a weak camera, with a φ that mixes keypoints and depth."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from body.rotations import axis_angle_to_matrix
from hmmr_model.configs import DataConfig, LossConfig, ModelConfig, OptimiserConfig, TrainConfig
from hmmr_model.tracks import Track, TrackLabels

PHI = 48
MakeTracks = Callable[..., list[Track]]


@pytest.fixture(scope="session")
def keypoint_model() -> KeypointModel:
    return KeypointModel.load()


def _smooth(rng: np.random.Generator, frames: int, numbers: int) -> np.ndarray:
    """Slow sums of sines, (frames, numbers)."""
    time = np.arange(frames)[:, None]
    return sum(
        rng.normal(size=numbers) * np.sin(time * rng.uniform(0.05, 0.25, numbers) + rng.uniform(0, 6, numbers))
        for _ in range(2)
    )


@pytest.fixture(scope="session")
def make_tracks(keypoint_model: KeypointModel) -> MakeTracks:
    mix = np.random.default_rng(7).normal(size=(75, PHI)).astype(np.float32)

    def make(lengths: Sequence[int], seed: int = 0, labelled: bool = True) -> list[Track]:
        return [
            _track(f"{'lab' if labelled else 'pse'}{seed}_{i}", n, seed * 100 + i, labelled)
            for i, n in enumerate(lengths)
        ]

    def _track(name: str, frames: int, seed: int, labelled: bool) -> Track:
        rng = np.random.default_rng([seed, labelled])
        axis_angle = _smooth(rng, frames, 72).reshape(frames, 24, 3) * 0.2
        axis_angle[:, 0] += [np.pi, 0, 0]
        rotations = axis_angle_to_matrix(torch.tensor(axis_angle, dtype=torch.float32))
        betas = torch.tensor(np.clip(rng.normal(size=10), -2, 2), dtype=torch.float32).expand(frames, 10)
        points, joints = keypoint_model(rotations, betas)
        points = (points - joints[:, :1]).numpy()
        crop = np.concatenate([0.85 * points[..., :2], np.ones((frames, 25, 1))], axis=-1).astype(np.float32)
        phi = (np.tanh(points.reshape(frames, 75)) @ mix).astype(np.float16)
        ones = np.ones(frames, np.float32)
        labels = TrackLabels(
            crop, points, np.ones((frames, 25), np.float32), rotations.numpy(), ones, betas.numpy(), ones
        )
        return Track(name, phi, crop.copy(), labels if labelled else None)

    return make


@pytest.fixture
def small_config() -> TrainConfig:
    """All six heads at a size that steps in a few milliseconds."""
    return TrainConfig(
        preset="test", steps=12, save_every=4, log_every=2,
        model=ModelConfig(width=32, groups=4, regressor_width=32),
        loss=LossConfig(prior_hidden=16), optimiser=OptimiserConfig(warmup=2),
        data=DataConfig(batch=4),
    )  # fmt: skip
