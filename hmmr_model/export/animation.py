"""A person's motion as animators want it: y up, one skeleton of constant bones, a pelvis that moves.

Legend: T keyframes, 24 joints.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from body.model import BodyModel
from body.motion import sample_points, sample_rotations
from hmmr_model.export.person_motion import PersonMotion, PlacedPose

Array = NDArray[np.float64]

CAMERA_TO_Y_UP = np.diag([1.0, -1.0, -1.0])
"""Half a turn about x: the camera's y down and z forward become y up and z towards the camera."""

PHOTO_STEP_S = 0.2
"""Past, present and future of a photograph lie 5 frames of 25 fps apart (docs/paper.md, Δ = 5)."""


@dataclass(frozen=True)
class Animation:
    """times (T) s on the clock that all people of a clip share; rotations (T, 24, 3, 3) against the parent, the root's
    against the world; pelvis (T, 3) m; rest_joints (24, 3) m and betas (10) of the one shape: the mean of the shapes
    predicted frame by frame."""

    fps: float
    times: Array
    rotations: Array
    pelvis: Array
    rest_joints: Array
    betas: NDArray[np.float32]


def animation(motion: PersonMotion, body: BodyModel) -> Animation:
    """Keyframes at the frames' own times. A photograph becomes three: its past, present and future."""
    poses, times, fps = [motion.now], motion.seconds, motion.fps
    if len(motion.pts) == 1:
        poses = [pose for pose in (motion.past, motion.now, motion.future) if pose is not None]
        times, fps = PHOTO_STEP_S * np.arange(len(poses), dtype=np.float64), 1 / PHOTO_STEP_S
    rotations = np.concatenate([pose.rotations for pose in poses]).astype(np.float64)
    rotations[:, 0] = CAMERA_TO_Y_UP @ rotations[:, 0]
    betas = np.concatenate([pose.betas for pose in poses]).mean(0)
    with torch.no_grad():
        rest = body.rest_joints(torch.from_numpy(betas)[None])[0].double().numpy()
    return Animation(fps, times, rotations, _pelvis(poses), rest, betas)


def _pelvis(poses: list[PlacedPose]) -> Array:
    return np.asarray(np.concatenate([pose.joints[:, 0] for pose in poses]) @ CAMERA_TO_Y_UP.T, np.float64)


def at_constant_rate(moving: Animation) -> Animation:
    """Keyframes on an even grid from second 0, as BVH needs; where the frames lie on it already, they are unchanged.
    A person who comes in later stands still until then, so that frame n is the same moment in everybody's file."""
    times = np.arange(round(moving.times[-1] * moving.fps) + 1) / moving.fps
    if len(times) == len(moving.times) and np.allclose(times, moving.times, atol=1e-3 / moving.fps):
        return replace(moving, times=times)
    return replace(
        moving,
        times=times,
        rotations=sample_rotations(moving.times, moving.rotations, times),
        pelvis=sample_points(moving.times, moving.pelvis, times),
    )
