"""Retargets a motion from another skeleton to ours, by aligning the directions of the bones at rest.

A joint of ours gets the world rotation of its namesake, after the smallest turn that lays our bone at rest along
theirs. Joints that the other skeleton lacks move with their parent. The root's way is scaled by the ratio of leg
lengths, which also makes the file's unit of length irrelevant.
Legend: T frames, J = 24 joints.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from body.joints import SMPL_24, SMPL_PARENTS
from body.motion import Motion
from body.motion.skeleton import SkeletonMotion
from body.motion.skeleton_names import match_names
from body.open24 import OPEN24_FILE
from body.smpl_file import read_body

Array = npt.NDArray[np.float64]

_CHAINS = tuple(
    tuple(f"{side}_{joint}" for joint in chain)
    for side in ("left", "right")
    for chain in (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist"))
)
"""Limbs whose bones are aligned; the last joint of a chain turns with the one before it."""


@cache
def open24_rest_joints() -> Array:
    """Joints (24, 3) m of the open body's mean shape at rest."""
    body = read_body(OPEN24_FILE)
    joints: Array = body.J_regressor @ body.v_template
    return joints


def retarget(source: SkeletonMotion) -> Motion:
    """Put the motion on the open body. Raises ValueError for a skeleton whose names we do not know."""
    place = match_names(source.names)
    theirs, ours = source.rest_positions(), dict(zip(SMPL_24, open24_rest_joints(), strict=True))
    aligned = _alignments({name: theirs[i] for name, i in place.items()}, ours)
    world, positions = source.pose()
    R_TJ33 = np.empty((len(world), len(SMPL_24), 3, 3))
    for j, name in enumerate(SMPL_24):
        known = name in place
        R_TJ33[:, j] = world[:, place[name]] @ aligned.get(name, np.eye(3)) if known else R_TJ33[:, SMPL_PARENTS[j]]
    leg = _leg({name: theirs[i] for name, i in place.items()})
    if not 0 < leg < np.inf:
        raise ValueError(f"the skeleton's legs have length {leg}")
    scale = _leg(ours) / leg
    return Motion(
        name=source.name,
        fps=source.fps,
        rotations=to_local(R_TJ33).astype(np.float32),
        translation=(scale * positions[:, place["pelvis"]]).astype(np.float32),
    )


def to_local(R_TJ33: Array) -> Array:
    """Rotations against the parent from rotations against the world, SMPL's tree."""
    local = R_TJ33.copy()
    for j, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            local[:, j] = np.swapaxes(R_TJ33[:, parent], -1, -2) @ R_TJ33[:, j]
    return local


def _alignments(theirs: dict[str, Array], ours: dict[str, Array]) -> dict[str, Array]:
    """Smallest rotation that lays each of our limb bones along theirs, by the joint where the bone begins."""
    turns: dict[str, Array] = {}
    for chain in _CHAINS:
        for start, end in pairwise(chain):
            turns[start] = smallest_rotation(ours[end] - ours[start], theirs[end] - theirs[start])
            turns[end] = turns[start]
    return turns


def smallest_rotation(a: Array, b: Array) -> Array:
    """Rotation (3, 3) of the smallest angle that takes direction a to direction b (Rodrigues' formula).

    A bone of no length has no direction: the identity.
    """
    if not (a.any() and b.any()):
        return np.eye(3)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cosine = float(a @ b)
    if cosine < -1 + 1e-9:
        axis = np.cross(a, np.eye(3)[np.abs(a).argmin()])
        axis /= np.linalg.norm(axis)
        half_turn: Array = 2 * np.outer(axis, axis) - np.eye(3)
        return half_turn
    x, y, z = np.cross(a, b)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn: Array = np.eye(3) + K + K @ K / (1 + cosine)
    return turn


def _leg(joints: dict[str, Array]) -> float:
    """Length of hip to knee to ankle, mean of both sides."""
    bones = [
        np.linalg.norm(joints[f"{side}_{b}"] - joints[f"{side}_{a}"])
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(sum(bones)) / 2
