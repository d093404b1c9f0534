"""Read DeepMimic's humanoid3d_*.txt clips (real mocap; pybullet carries fifteen of them under the zlib licence).

A frame is 44 numbers: seconds, root x y z, root quaternion wxyz, then the joints below. Axes: x forward, y up, z to
the person's right; arms hang down at rest (xbpeng/DeepMimic, data/motions and data/characters/humanoid3d.txt).
Legend: T frames.
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24
from body.motion import Motion, MotionFileError, sample_points, sample_rotations
from body.motion.retarget import open24_rest_joints

JOINTS = (
    ("chest", 4), ("neck", 4), ("right_hip", 4), ("right_knee", 1), ("right_ankle", 4), ("right_shoulder", 4),
    ("right_elbow", 1), ("left_hip", 4), ("left_knee", 1), ("left_ankle", 4), ("left_shoulder", 4), ("left_elbow", 1),
)  # fmt: skip
"""Order of the joints after the root: 4 numbers are a quaternion wxyz, 1 is a hinge's angle in radians."""

TO_OURS = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
"""DeepMimic's axes to ours: left is our x, up our y, forward our z."""

LEG_M = 0.421546 + 0.409870
"""Hip to knee to ankle of DeepMimic's humanoid (its character file)."""

COLLAR_SHARE = 0.15
"""Part of an arm's raising that the collar takes over; the humanoid has no collar joint."""


def read_deepmimic(path: str | Path) -> Motion:
    """The clip on the open body, at the rate of its first frame. MotionFileError names the file."""
    path = Path(path)
    try:
        frames = np.array(json.loads(path.read_text())["Frames"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as problem:
        raise MotionFileError(f"{path}: not a DeepMimic clip ({problem})") from problem
    width = 8 + sum(count for _, count in JOINTS)
    if frames.ndim != 2 or frames.shape[1] != width or len(frames) < 2 or not np.isfinite(frames).all():
        raise MotionFileError(f"{path}: a DeepMimic clip has two frames or more of {width} finite numbers")
    if (frames[:-1, 0] <= 0).any():
        raise MotionFileError(f"{path}: a frame lasts no time")
    return _motion(path.stem, frames)


def _motion(name: str, frames: np.ndarray) -> Motion:
    """A frame's first number is the time until the next one, and it may vary: bring all to one rate."""
    times_T = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    fps = 1 / frames[0, 0]
    new_T = np.arange(0, times_T[-1] + 1e-6, frames[0, 0])
    rotations = _rotations(frames)
    scale, hips = _leg_scale(), open24_rest_joints()[[1, 2]].mean(0)
    # DeepMimic's root lies between the hips, ours above them.
    origin_T3 = scale * frames[:, 1:4] @ TO_OURS.T - rotations[:, 0] @ hips
    return Motion(
        name=name,
        fps=float(round(fps)) if abs(fps - round(fps)) < 0.01 else float(fps),
        rotations=sample_rotations(times_T, rotations, new_T).astype(np.float32),
        translation=sample_points(times_T, origin_T3, new_T).astype(np.float32),
    )


def _leg_scale() -> float:
    joints = dict(zip(SMPL_24, open24_rest_joints(), strict=True))
    leg = [joints["left_hip"] - joints["left_knee"], joints["left_knee"] - joints["left_ankle"]]
    return float(np.linalg.norm(leg, axis=1).sum()) / LEG_M


def _rotations(frames: np.ndarray) -> np.ndarray:
    """Local rotations (T, 24, 3, 3) of our joints."""
    theirs, column = {"root": _ball(frames[:, 4:8])}, 8
    for name, count in JOINTS:
        block = frames[:, column : column + count]
        theirs[name] = _ball(block) if count == 4 else _hinge(name, block[:, 0])
        column += count
    ours = {"pelvis": theirs["root"]}
    ours |= dict.fromkeys(("spine1", "spine2", "spine3"), _part(theirs["chest"], 1 / 3))
    ours |= dict.fromkeys(("neck", "head"), _part(theirs["neck"], 1 / 2))
    for side in ("left", "right"):
        ours |= {f"{side}_{joint}": theirs[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle", "elbow")}
        ours |= _arm(side, theirs[f"{side}_shoulder"])
    still = np.tile(np.eye(3), (len(frames), 1, 1))
    return np.stack([ours[name].as_matrix() if name in ours else still for name in SMPL_24], axis=1)


def _arm(side: str, shoulder: Rotation) -> dict[str, Rotation]:
    """Our arm stretches sideways at rest, theirs hangs down; a share of the raising goes to the collar."""
    turned = shoulder * Rotation.from_euler("z", -90 if side == "left" else 90, degrees=True)
    collar = Rotation.from_rotvec(turned.as_rotvec() * np.array([0, 0, COLLAR_SHARE]))
    return {f"{side}_collar": collar, f"{side}_shoulder": collar.inv() * turned}


def _ball(quaternion_T4: np.ndarray) -> Rotation:
    R_T33 = Rotation.from_quat(quaternion_T4, scalar_first=True).as_matrix()
    return Rotation.from_matrix(TO_OURS @ R_T33 @ TO_OURS.T)


def _hinge(name: str, angle_T: np.ndarray) -> Rotation:
    """A knee's negative angle bends the shin backwards; an elbow's positive one brings the forearm forwards."""
    axis = {"right_knee": (-1, 0, 0), "left_knee": (-1, 0, 0), "right_elbow": (0, 1, 0), "left_elbow": (0, -1, 0)}
    return Rotation.from_rotvec(angle_T[:, None] * np.array(axis[name], dtype=float))


def _part(turn: Rotation, share: float) -> Rotation:
    return Rotation.from_rotvec(turn.as_rotvec() * share)
