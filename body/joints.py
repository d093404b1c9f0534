"""Joint sets by name, in the orders the field uses, and the mapping between any two of them.

Sources of every order: the released HMMR code (universal 25), the SMPL model file (24 joints), the COCO
and BlazePose documentation. See docs of each constant. A name means the same point of the body in each set.
"""

from collections.abc import Sequence

KEYPOINTS_25: tuple[str, ...] = (
    "right_heel", "right_knee", "right_hip", "left_hip", "left_knee", "left_heel",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top", "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_ankle", "right_ankle",
)  # fmt: skip
"""HMMR's universal 25 (released code, src/util/data_utils.py): slots 0 and 5 are heels, ankles are 24 and 23."""

SMPL_24: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""The joints of an SMPL-format body, in its file's order."""

SMPL_PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each SMPL joint; -1 is the root."""

COCO_17: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""COCO person keypoints, in the order of its annotation files."""

BLAZEPOSE_33: tuple[str, ...] = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""MediaPipe BlazePose's landmarks. Its foot_index is the tip of the foot, the nearest of the 25 is the big toe."""

LIMBS_12: tuple[str, ...] = (
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""The joints of protocol open_v1 (docs/design.md): what every 2D and 3D network in use agrees on."""


def indices(wanted: Sequence[str], have: Sequence[str]) -> list[int]:
    """Position in `have` of each name in `wanted`; KeyError names the joint that `have` lacks."""
    place = {name: i for i, name in enumerate(have)}
    missing = [name for name in wanted if name not in place]
    if missing:
        raise KeyError(f"joint set lacks {', '.join(missing)}")
    return [place[name] for name in wanted]


def mirror_permutation(names: Sequence[str]) -> list[int]:
    """Index list that swaps left and right: `x[mirror_permutation(names)]` is the mirrored person's order."""
    swap = {"left": "right", "right": "left"}
    other = ["_".join(swap.get(part, part) for part in name.split("_")) for name in names]
    return indices(other, names)
