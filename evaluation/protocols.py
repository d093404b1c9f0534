"""The protocols of the field and our own, each by its id. Sources: reference/conventions.md 2 and 3, paper.md 4.

Where a protocol of the field is ambiguous, its `notes` say which reading is implemented.
"""

from body.joints import KEYPOINTS_25, LIMBS_12
from evaluation.protocol import FrameRule, Protocol

OPEN_V1 = Protocol(
    id="open_v1",
    title="The open world: 12 limb joints on which every 2D and 3D network in use agrees",
    datasets=("films", "mocap", "pose2sim"),
    joints=LIMBS_12,
    joint_set="keypoints_25",
    root=("left_hip", "right_hip"),
    ground_truth="the film's own truth (open24 body, exact keypoints); for pose2sim a triangulated reference",
    frames=FrameRule(min_joints=12, words="every frame whose 12 joints all have a 3D label"),
    notes="Camera frame, PA by similarity without reflection, mean over frames of a film, then over films.",
)

COMMON_14 = KEYPOINTS_25[:14]
"""HMMR's 14 common joints: slots 0 and 5 are called heels and hold ankles where only ankles are labelled."""
