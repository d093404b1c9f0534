"""One waving cartoon person, its pictures, and what scores it: shared by the tests on benchmark fixtures."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body.joints import SMPL_PARENTS
from body.model import BodyModel
from body.open24 import OPEN24_FILE
from harvest.registry import make_phis
from hmmr_model.checkpoint import Checkpoint, save_checkpoint
from hmmr_model.configs import PRESETS
from hmmr_model.network import HMMR

Float = NDArray[np.float64]
Draw = Callable[[Float], NDArray[np.uint8]]


@dataclass(frozen=True)
class Cartoon:
    """T frames of an open24 person, upright, y up, metres of the world; seen by a camera with these numbers."""

    axis_angles: Float
    """(T, 72)"""
    joints: Float
    """(T, 24, 3) of the SMPL skeleton."""
    trans: Float
    """(T, 3)"""
    focal: float = 420.0
    centre: tuple[float, float] = (120.0, 160.0)

    def pixels(self, points_camera: Float) -> Float:
        """(..., 3) m of the camera to (..., 2) px."""
        flat: Float = self.focal * points_camera[..., :2] / points_camera[..., 2:] + np.array(self.centre)
        return flat


MakeCartoon = Callable[[int], Cartoon]


@pytest.fixture(scope="session")
def make_cartoon() -> MakeCartoon:
    """A person who waves and bends a knee, of as many frames as asked for."""

    def make(frames: int) -> Cartoon:
        swing = np.sin(np.arange(frames) / 4)
        angles = np.zeros((frames, 24, 3))
        angles[:, 16, 2], angles[:, 18, 1], angles[:, 4, 0] = swing, swing / 2, np.abs(swing)
        turns = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(frames, 24, 3, 3)
        trans = np.stack([0.2 * swing, np.full(frames, 0.1), np.zeros(frames)], -1)
        with torch.no_grad():
            joints = BodyModel.load(OPEN24_FILE).joints(torch.as_tensor(turns).float(), torch.zeros(frames, 10))
        return Cartoon(angles.reshape(frames, 72), joints.numpy() + trans[:, None], trans)

    return make


@pytest.fixture(scope="session")
def draw() -> Draw:
    """(24, 2) px of the SMPL joints to a picture of the stick figure, 240 wide and 320 high."""

    def figure(pixels: Float) -> NDArray[np.uint8]:
        picture = np.full((320, 240, 3), 230, np.uint8)
        for joint, parent in enumerate(SMPL_PARENTS[1:], 1):
            ends = (tuple(int(v) for v in pixels[j]) for j in (joint, parent))
            cv2.line(picture, *ends, (60, 40, 160), 5)
        return picture

    return figure


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """smpl/ with bodies under SMPL's names, regressor.npy, and model.pt: a network that was never trained."""
    root = tmp_path_factory.mktemp("scorer")
    (root / "smpl").mkdir()
    for gender in ("NEUTRAL", "MALE", "FEMALE"):
        shutil.copy(OPEN24_FILE, root / "smpl" / f"SMPL_{gender}.npz")
    rows = np.random.default_rng(0).random((17, len(BodyModel.load(OPEN24_FILE).v_template))) ** 8
    np.save(root / "regressor.npy", rows / rows.sum(1, keepdims=True))
    tiny = PRESETS["tiny"]()
    data, model = replace(tiny.data, phi_name="keypoints"), replace(tiny.model, deltas=(-5, 5))
    config, dim = replace(tiny, data=data, model=model), make_phis(["keypoints"])[0].dim
    torch.manual_seed(0)
    checkpoint = Checkpoint(config, dim, "open24", 0, None, HMMR(config.model, dim).state_dict())
    save_checkpoint(root / "model.pt", checkpoint)
    return root
