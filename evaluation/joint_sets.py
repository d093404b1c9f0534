"""Joint orders of the benchmarks, in the names of `body.joints`. Position in the tuple = column in their files.

Source of every order: docs/conventions.md 2f, which names the repositories it was read in.
"""

from body.joints import COCO_17

OPENPOSE_18: tuple[str, ...] = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's COCO model: 3DPW's poses2d."""

OPENPOSE_25: tuple[str, ...] = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
    "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe",
    "right_small_toe", "right_heel",
)  # fmt: skip
"""OpenPose's BODY_25: VIBE's InstaVariety file, mmhuman3d's columns 153 to 177."""

H36M_32_TO_17: tuple[int, ...] = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Which of Human3.6M's 32 raw points are the 17, right leg first (HMMR's choice; SPIN's has the left leg first)."""

H36M_17: tuple[str, ...] = (
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "spine", "neck",
    "nose", "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""Names of `H36M_32_TO_17`."""

H36M_REGRESSOR_17: tuple[str, ...] = (
    "pelvis", "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", "spine", "neck",
    "jaw", "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""Rows of J_regressor_h36m.npy (SPIN, VIBE): the left leg comes first."""

H36M_REGRESSOR_14: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip
"""The 14 of SPIN's H36M_TO_J14 = 6 5 4 1 2 3 16 15 14 11 12 13 8 10: the order of every paper since."""

MPI3D_17: tuple[str, ...] = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)  # fmt: skip
"""MPI-INF-3DHP's test set."""

MPI3D_28: tuple[str, ...] = (
    "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top", "left_clavicle", "left_shoulder",
    "left_elbow", "left_wrist", "left_hand", "right_clavicle", "right_shoulder", "right_elbow", "right_wrist",
    "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe", "right_hip", "right_knee",
    "right_ankle", "right_foot", "right_toe",
)  # fmt: skip
"""MPI-INF-3DHP's training set."""

POSETRACK_17: tuple[str, ...] = ("nose", "neck", "head_top", *COCO_17[3:])
"""PoseTrack18: its head_bottom is the neck; its two ear columns are there and never labelled."""

PENN_13: tuple[str, ...] = (
    "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""Penn Action as VIBE and mmhuman3d read it, left first; HMMR's reader documents right first. 2D labels alone
cannot tell: look at an overlay of a copy before believing either."""

HUMAN_DATA: dict[str, int] = {
    **{name: 153 + i for i, name in enumerate(OPENPOSE_25)},
    "head_top": 147,
}
"""Columns of mmhuman3d's 190 that hold the points of `OPENPOSE_25` (its *_openpose block) and the top of the head."""

HUMAN_DATA_SMPL: tuple[int, ...] = (*range(22), 188, 189)
"""Columns of mmhuman3d's 190 that are the 24 SMPL joints."""
