"""Small lakes with generated people, for cells and studies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

Fill = Callable[..., Path]


def _labels(tracklet: dict[str, Any], split: str, body: KeypointModel) -> dict[str, Any]:
    """Truth of a person who lifts an arm, in the camera's axes."""
    frames = tracklet["n_frames"]
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    rotations = torch.eye(3).repeat(frames, 24, 1, 1)
    rotations[:, 16] = torch.linalg.matrix_exp(torch.linspace(0, 1, frames)[:, None, None] * turn)
    keypoints, _ = body(rotations, torch.zeros(frames, 10))
    seen = tracklet["keypoints"].reshape(frames, 25, 3).copy()
    seen[..., 2] = 1
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "body": "open24", "split": split,
        "truth_id": f"film_{tracklet['source_id'][:6]}:0", "valid": np.ones(frames, bool),
        "keypoints_3d": keypoints.numpy().reshape(frames, 75), "keypoints_2d": seen.reshape(frames, 75) + 0.5,
        "rotations": rotations.numpy().reshape(frames, 216), "betas": np.zeros(10, np.float32),
        "translation": np.zeros((frames, 3), np.float32),
    }  # fmt: skip


@pytest.fixture(scope="session")
def fill_lake() -> Fill:
    """fill(folder, first, splits, phi=..., dim=...): a lake of one film a split, numbered from `first`, with 3D."""
    body = KeypointModel.load()

    def fill(lake: Path, first: int, splits: list[str], phi: str = "keypoints", dim: int = 75) -> Path:
        rows = [tracklet_row(source_name(first + i), tags=[["walk"], ["run"]][i % 2]) for i in range(len(splits))]
        at = Lake(lake)
        features = [feature_row(row, dim=dim, phi_name=phi) for row in rows]
        at.append("tracklets", rows_to_table("tracklets", rows))
        at.append("features", rows_to_table("features", features))
        truth = [_labels(row, split, body) for row, split in zip(rows, splits, strict=True)]
        at.append("labels3d", rows_to_table("labels3d", truth))
        return lake

    return fill
