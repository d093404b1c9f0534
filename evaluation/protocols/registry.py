"""The protocols of the field and our own, each by its id. Sources: docs/conventions.md 2 and 3, docs/paper.md 4.

Where a protocol of the field is ambiguous, its `notes` say which reading is implemented.
"""

from body.joints import KEYPOINTS_25, LIMBS_12, SMPL_24
from evaluation.errors import ProtocolMismatchError
from evaluation.joint_sets import H36M_REGRESSOR_14, MPI3D_17
from evaluation.protocols import published
from evaluation.protocols.definition import FrameRule, Protocol
from evaluation.readers.h36m import CAMERAS, FRONTAL

OPEN_V1 = Protocol(
    id="open_v1",
    title="The open world: 12 limb joints on which every 2D and 3D network in use agrees",
    datasets=("films", "mocap", "pose2sim"),
    joints=LIMBS_12,
    joint_set="keypoints_25",
    root=("left_hip", "right_hip"),
    ground_truth="the film's own truth (open24 body, exact keypoints); for pose2sim a triangulated reference",
    frames=FrameRule(min_joints=12, words="every frame whose 12 joints all have a 3D label"),
    notes="Camera frame; the mean over the frames of a film, then over films.",
)

NOT_FRONTAL = tuple(camera for camera in CAMERAS if camera != FRONTAL)

HMMR_2019 = Protocol(
    id="hmmr_2019",
    title="HMMR's own evaluation code (CVPR 2019)",
    datasets=("3dpw", "h36m"),
    joints=KEYPOINTS_25[:14],
    joint_set="keypoints_25",
    root=("right_hip", "left_hip"),
    ground_truth="3DPW: the 25-keypoint regressor on the gendered SMPL mesh; Human3.6M: mocap, ankles in slots 0 and 5",
    frames=FrameRule(
        min_visible=7,
        not_cameras=NOT_FRONTAL,
        words="3DPW test, and Human3.6M S9 and S11 from camera 60457274 at 25 fps without S11 Directions 1; "
        "frames with more than 6 of the 14 joints visible in the image",
    ),
    average="macro",
    group="film",
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "accel_pred_mm_frame2", "accel_error_mm_frame2"),
    published=published.HMMR,
    notes="The people of a sequence are one sequence. Slots 0 and 5 are heels. HMMR's printed 'accel' is the size of "
    "the predicted acceleration (over 25 joints; here over the 14), not an error, and is called accel_pred here.",
)

SPIN = Protocol(
    id="spin",
    title="SPIN's evaluation of 3DPW, used by most papers on single images",
    datasets=("3dpw",),
    joints=H36M_REGRESSOR_14,
    joint_set="h36m_regressor",
    root=("pelvis",),
    ground_truth="gendered SMPL mesh through J_regressor_h36m; root is that regressor's row 0",
    frames=FrameRule(words="3DPW test: camera pose valid and at least one 2D keypoint (35,515 frames)"),
    average="micro",
    group="track",
    fps=30.0,
    metrics=("mpjpe_mm", "pa_mpjpe_mm"),
    published=published.SPIN,
)

VIBE = Protocol(
    id="vibe",
    title="VIBE's evaluation of 3DPW",
    datasets=("3dpw",),
    joints=H36M_REGRESSOR_14,
    joint_set="h36m_regressor",
    root=("right_hip", "left_hip"),
    ground_truth="gendered SMPL mesh through J_regressor_h36m; root is the middle of the regressed hips",
    frames=FrameRule(min_visible=7, words="3DPW test: more than 6 of 12 keypoints with a score above 0.3"),
    average="micro",
    group="track",
    fps=30.0,
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "accel_pred_mm_frame2", "accel_error_mm_frame2"),
    published=published.VIBE,
    notes="VIBE drops the tail of a track that does not fill 16 frames and differences across dropped frames and "
    "tracks (hazards 9, 10, 13). Here all selected frames count and only consecutive triples are differenced, so "
    "acceleration can differ from VIBE's own figure by a few mm/frame^2.",
)

OFFICIAL_3DPW = Protocol(
    id="official_3dpw",
    title="The 3DPW challenge's own evaluation",
    datasets=("3dpw",),
    joints=SMPL_24,
    joint_set="smpl_24",
    root=("pelvis",),
    ground_truth="jointPositions of the release: the 24 joints of the gendered SMPL",
    frames=FrameRule(words="all 87 actor tracks of all splits; camera pose valid and 2D keypoints not all zero"),
    average="micro",
    group="track",
    fps=30.0,
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "pck_150mm", "pck_50mm"),
    near_joints=LIMBS_12,
    notes="pck_50mm is the challenge's PCK: the share, 0 to 1, of its 12 major joints (shoulders, elbows, wrists, "
    "hips, knees, ankles) within 50 mm after the root. Not printed: its AUC (0 to 200 mm; auc_150mm in the rows is "
    "another measure) and its MPJAE, which needs the predicted rotations. One run scores one --split; the challenge "
    "takes all three. The reading of its average is frames pooled.",
)

H36M_P1 = Protocol(
    id="h36m_p1",
    title="Human3.6M protocol 1",
    datasets=("h36m",),
    joints=H36M_REGRESSOR_14,
    joint_set="h36m_regressor",
    root=("pelvis",),
    ground_truth="mocap joints; the prediction's mesh goes through J_regressor_h36m",
    frames=FrameRule(every=5, words="S9 and S11, all four cameras, every 5th frame of the prepared 25 per second"),
    average="micro",
    group="track",
    metrics=("mpjpe_mm", "pa_mpjpe_mm"),
    notes="SPIN takes every 5th frame of 50 per second; data is prepared at HMMR's 25, so these are every 10th of 50. "
    "Motion is not scored.",
)

H36M_P2 = Protocol(
    id="h36m_p2",
    title="Human3.6M protocol 2",
    datasets=("h36m",),
    joints=H36M_REGRESSOR_14,
    joint_set="h36m_regressor",
    root=("pelvis",),
    ground_truth="mocap joints; the prediction's mesh goes through J_regressor_h36m",
    frames=FrameRule(
        every=5,
        not_cameras=NOT_FRONTAL,
        words="S9 and S11, the frontal camera 60457274 only, every 5th frame of the prepared 25 per second",
    ),
    average="micro",
    group="track",
    metrics=("pa_mpjpe_mm",),
    notes="HMMR reports its own variant of it (25 fps, all frames): that is hmmr_2019 on h36m.",
)

MPI_INF_3DHP = Protocol(
    id="mpi_inf_3dhp",
    title="MPI-INF-3DHP's test set",
    datasets=("mpi_inf_3dhp",),
    joints=MPI3D_17,
    joint_set="mpi3d_17",
    root=("pelvis",),
    ground_truth="univ_annot3, normalised to one height, / 1000; root is joint 14",
    frames=FrameRule(words="TS1 to TS6, the frames that the release flags as valid"),
    average="micro",
    group="track",
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "pck_150mm", "auc_150mm"),
    notes="VIBE scores invalid frames too, TCMR does not: this is TCMR's reading.",
)

PROTOCOLS = {
    protocol.id: protocol
    for protocol in (OPEN_V1, HMMR_2019, SPIN, VIBE, OFFICIAL_3DPW, H36M_P1, H36M_P2, MPI_INF_3DHP)
}


def protocol_named(name: str) -> Protocol:
    """The protocol of that id. ProtocolMismatchError lists the known ones."""
    if name not in PROTOCOLS:
        raise ProtocolMismatchError(f"no protocol {name!r}; known are {', '.join(PROTOCOLS)} (`--protocol help`)")
    return PROTOCOLS[name]


def check_fits(protocol: Protocol, dataset: str, joint_set: str) -> None:
    """ProtocolMismatchError where a protocol does not speak of this data, or of the joints that were predicted."""
    if dataset not in protocol.datasets:
        raise ProtocolMismatchError(
            f"{protocol.id} is for {', '.join(protocol.datasets)}, not for {dataset}: its numbers would not compare"
        )
    if joint_set != protocol.joint_set:
        raise ProtocolMismatchError(
            f"{protocol.id} scores joints of {protocol.joint_set}, the prediction has {joint_set}: a hip of the one "
            "lies 13 cm from a hip of the other (hazard 16). Give --smpl DIR and --regressor FILE"
        )
