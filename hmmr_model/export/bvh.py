"""A person's motion as BVH: SMPL's joint names, centimetres, y up, the T-pose at rest, root motion at the pelvis."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24, SMPL_PARENTS
from body.model import BodyModel
from hmmr_model.export.animation import Animation, animation, at_constant_rate
from hmmr_model.export.person_motion import PersonMotion
from storage.atomic import write_atomically

CM = 100.0
ORDER = "ZXY"
"""Order of the angles: Blender, Maya and MotionBuilder all write and read this one."""

TIP_M = 0.08
"""Length of the stub that ends a chain; a BVH needs an end, SMPL's tree has none."""


def write_bvh(motion: PersonMotion, body: BodyModel, path: Path) -> Path:
    """Write the file, whole or not at all. Frames that were missing in the video are interpolated: BVH is even."""
    return write_atomically(path, bvh_text(at_constant_rate(animation(motion, body))))


def bvh_text(moving: Animation) -> str:
    """The file's text for an animation of constant rate."""
    head = ["HIERARCHY", *_joint_lines(0, moving.rest_joints, "")]
    head += ["MOTION", f"Frames: {len(moving.times)}", f"Frame Time: {1 / moving.fps:.9f}"]
    return "\n".join([*head, *_frame_lines(moving)]) + "\n"


def _joint_lines(j: int, rest_J3: np.ndarray, indent: str) -> list[str]:
    root = SMPL_PARENTS[j] < 0
    offset_3 = np.zeros(3) if root else rest_J3[j] - rest_J3[SMPL_PARENTS[j]]
    angles = " ".join(f"{axis}rotation" for axis in ORDER)
    channels = f"6 Xposition Yposition Zposition {angles}" if root else f"3 {angles}"
    lines = [f"{'ROOT' if root else 'JOINT'} {SMPL_24[j]}", "{", f"  {_offset(offset_3)}", f"  CHANNELS {channels}"]
    children = [c for c, parent in enumerate(SMPL_PARENTS) if parent == j]
    for child in children:
        lines += _joint_lines(child, rest_J3, "  ")
    if not children:
        tip_3 = offset_3 / np.linalg.norm(offset_3) * TIP_M
        lines += ["  End Site", "  {", f"    {_offset(tip_3)}", "  }"]
    return [indent + line for line in [*lines, "}"]]


def _offset(metres_3: np.ndarray) -> str:
    return "OFFSET " + " ".join(f"{CM * x:.6f}" for x in metres_3)


def _frame_lines(moving: Animation) -> list[str]:
    order = _file_order()
    turns = Rotation.from_matrix(moving.rotations[:, order].reshape(-1, 3, 3))
    angles_TX = turns.as_euler(ORDER, degrees=True).reshape(len(moving.times), -1)
    # Without this an angle may jump by 360 degrees between frames, and programs interpolate through the jump.
    angles_TX = np.unwrap(angles_TX, period=360, axis=0)
    rows_TX = np.concatenate([CM * moving.pelvis, angles_TX], axis=1)
    return [" ".join(f"{x:.6f}" for x in row) for row in rows_TX]


def _file_order(j: int = 0) -> list[int]:
    """Joints in the order in which the hierarchy names them: depth first."""
    return [j] + [k for child, parent in enumerate(SMPL_PARENTS) if parent == j for k in _file_order(child)]
