"""A training run of a few seconds, to be started as its own process and killed (test_fit.py)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from body.keypoints import KeypointModel
from hmmr_model.configs import DataConfig, LossConfig, ModelConfig, TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.tracks import Track, TrackLabels
from hmmr_model.train import fit

FRAMES = 40


def _track(index: int) -> Track:
    rng = np.random.default_rng(index)
    points = rng.normal(size=(FRAMES, 25, 3)).astype(np.float32)
    ones = np.ones(FRAMES, np.float32)
    rotations = np.tile(np.eye(3, dtype=np.float32), (FRAMES, 24, 1, 1))
    labels = TrackLabels(
        points, points, np.ones((FRAMES, 25), np.float32), rotations, ones,
        np.zeros((FRAMES, 10), np.float32), ones,
    )  # fmt: skip
    return Track(f"t{index}", rng.normal(size=(FRAMES, 16)).astype(np.float16), points, labels)


def run(out: Path) -> None:
    """60 steps, saving every third: a kill lands between, during and after saves."""
    config = TrainConfig(
        preset="test", steps=60, save_every=3, log_every=3, model=ModelConfig(width=16, groups=2, regressor_width=16),
        loss=LossConfig(prior_hidden=8), data=DataConfig(batch=4),
    )  # fmt: skip
    data = TrainingSet([_track(i) for i in range(6)], [], config.data, 0)
    fit(replace(config, seed=3), data, KeypointModel.load(), torch.eye(3).expand(10, 24, 3, 3), out)
