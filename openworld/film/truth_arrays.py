"""Ground truth of each person in each frame of a shot. T frames; camera frame, metres and px."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from body.raster.kernels import Floats
from openworld.scene.actor import Actor
from openworld.scene.figure import Figure
from openworld.scene.shot import Shot

DEPTH_SLACK_M = 0.06
"""A keypoint this far behind the nearest surface, beyond its own depth inside the body, is hidden."""
LIMB_SLACK = 1.5
"""A limb seen from its thick side may hide its own joint by this much more than the joint's depth inside it."""


@dataclass(frozen=True)
class PersonTruth:
    """One person of a shot."""

    motion: str
    betas: Floats
    rotations: Floats
    """(T, 24, 3, 3) the root's in camera axes"""
    translation: Floats
    """(T, 3)"""
    keypoints_3d: Floats
    """(T, 25, 3)"""
    pixels: npt.NDArray[np.float64]
    """(T, 25, 2)"""
    focal: float


def truth_of(shot: Shot, actor: Actor, figure: Figure) -> PersonTruth:
    """Compute the truth of one actor, exactly.

    BodyModel adds its translation after it has turned the body about the root.
    """
    exposed = shot.exposed
    axes = shot.camera.axes[exposed]
    rotations = actor.rotations[exposed].astype(np.float64)
    rotations[:, 0] = axes @ rotations[:, 0]
    root = figure.rest_joints(actor.betas)[0].astype(np.float64)
    translation = _turned(axes, actor.translation[exposed] + root - shot.camera.position[exposed]) - root
    rotations_f32, translation_f32 = rotations.astype(np.float32), translation.astype(np.float32)
    keypoints = figure.keypoints(rotations_f32, actor.betas) + translation_f32[:, None]
    return PersonTruth(actor.motion, actor.betas, rotations_f32, translation_f32, keypoints,
                       shot.camera.pixels(keypoints), shot.camera.focal)  # fmt: skip


def _turned(axes_T33: npt.NDArray[np.float64], points_T3: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((axes_T33 @ points_T3[..., None])[..., 0])


def depth_inside(figure: Figure) -> Floats:
    """(25) metres by which a keypoint may lie behind the surface that it belongs to."""
    still = np.eye(3, dtype=np.float32)[None, None].repeat(24, 1)
    points = figure.keypoints(still, np.zeros(10, np.float32))[0]
    distance, _ = cKDTree(figure.template).query(points)
    return np.asarray(DEPTH_SLACK_M + LIMB_SLACK * distance, np.float32)


def visible(truth: PersonTruth, frame: int, depth: Floats, slack: Floats, samples: int) -> npt.NDArray[np.bool_]:
    """(25) whether each keypoint is inside the frame and not hidden, by depth (H * samples, W * samples)."""
    column, row = np.floor(truth.pixels[frame].T * samples).astype(int)
    height, width = depth.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    surface = depth[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    return np.asarray(inside & (truth.keypoints_3d[frame, :, 2] <= surface + slack))
