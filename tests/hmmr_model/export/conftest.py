"""A predicted walk: a real mocap clip on the open body, seen by a camera that a crop follows."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pybullet_data
import pytest
import torch

from body.keypoints import KeypointModel
from body.model import BodyModel
from body.motion import resample
from body.motion.deepmimic import read_deepmimic
from hmmr_model.export.person_motion import PersonMotion, PictureGeometry, person_motion
from hmmr_model.predict import Pose, Prediction
from storage.tables import TrackletArrays

GEOMETRY = PictureGeometry(320, 240, Fraction(1, 12800))
BETAS = np.array([0.8, -0.5, 0.3, 0, 0, 0.2, 0, 0, 0, 0], np.float32)
MakePerson = Callable[..., PersonMotion]


@pytest.fixture(scope="session")
def body() -> BodyModel:
    return BodyModel.load()


def predicted_walk(frames: int) -> tuple[Prediction, TrackletArrays]:
    """The clip at 25 fps in camera axes, with past and future of the same clip, and a box that moves."""
    path = Path(pybullet_data.getDataPath()) / "data" / "motions" / "humanoid3d_walk.txt"
    rotations = resample(read_deepmimic(path), 25).rotations.copy()
    rotations[:, 0] = np.diag([1.0, -1, -1]).astype(np.float32) @ rotations[:, 0]
    betas = np.tile(BETAS, (len(rotations), 1))
    points, joints = KeypointModel.load()(torch.from_numpy(rotations), torch.from_numpy(betas))
    centred = (points - joints[:, :1]).numpy()

    def pose(shift: int) -> Pose:
        order = np.clip(np.arange(frames) + 5 + shift, 0, len(rotations) - 1)
        return Pose(rotations[order], centred[order])

    now, t = pose(0), np.arange(frames, dtype=np.float32)
    camera = np.stack([0.9 + 0.01 * t, 0.02 * np.sin(t), np.full(frames, -0.05)], axis=1).astype(np.float32)
    corner = np.stack([60 + 2 * t, np.full(frames, 20)], axis=1)
    boxes = np.concatenate([corner, corner + 200], axis=1).astype(np.float32)
    prediction = Prediction(
        "walk", now.rotations, betas[:frames], camera, now.keypoints_3d, past=pose(-5), future=pose(5),
        hallucinated=pose(1), hallucinated_past=pose(-4), hallucinated_future=pose(4),
    )  # fmt: skip
    tracklet = TrackletArrays(
        "walk", "video", 25.0, np.arange(3, 3 + frames, dtype=np.int32), 1000 + 512 * np.arange(frames, dtype=np.int64),
        boxes, np.zeros((frames, 25, 3), np.float32), np.ones(frames, bool),
    )  # fmt: skip
    return prediction, tracklet


@pytest.fixture(scope="session")
def make_person(body: BodyModel) -> MakePerson:
    """Makes the person of `frames` frames; keywords replace arrays of the tracklet."""

    def make(
        frames: int = 20, *, of: BodyModel = body, geometry: PictureGeometry = GEOMETRY, **changes: object
    ) -> PersonMotion:
        prediction, tracklet = predicted_walk(frames)
        return person_motion(prediction, replace(tracklet, **changes), geometry, of)

    return make
