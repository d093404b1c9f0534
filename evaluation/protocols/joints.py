"""Truth and prediction of one tracklet in the joints that a protocol scores.

Legend: T frames, J joints of the protocol and its root; metres, camera axes.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25
from evaluation.metrics.mesh_joints import MeshJoints
from evaluation.protocols.definition import Protocol
from evaluation.readers.truth_files import read_truth
from evaluation.sequence import Joints
from storage.tables import Labels3D

BodyNamed = Callable[[str], MeshJoints]
"""smpl_male, smpl_female or smpl_neutral to the body that regresses joints."""


def scored_names(protocol: Protocol) -> tuple[str, ...]:
    """The joints that both sides need: those of the protocol, then what its root needs besides."""
    if protocol.joint_set == "keypoints_25":
        return KEYPOINTS_25
    return (*protocol.joints, *(name for name in protocol.root if name not in protocol.joints))


def labels_for(protocol: Protocol, lake: str | Path, tracklet_id: str, label: Labels3D, body: BodyNamed) -> Labels3D:
    """`label` with keypoints (T, J, 3) in the order of `scored_names`.

    Keypoints come from labels3d; joints regressed from a mesh come from the labelled body, where there is one; all
    others from the benchmark's own joints beside the lake.
    """
    if protocol.joint_set == "keypoints_25":
        return label
    names = scored_names(protocol)
    if protocol.joint_set == "h36m_regressor" and label.rotations is not None and label.betas is not None:
        joints = body(label.body)(protocol.joint_set, label.rotations, label.betas)
    else:
        joints = read_truth(lake, tracklet_id)
    return replace(label, keypoints_3d=joints.pick(names).astype(np.float32), keypoints_2d=_seen(label, names))


def predicted_joints(
    protocol: Protocol,
    keypoints_3d: NDArray[np.float32],
    rotations: NDArray[np.float32],
    betas: NDArray[np.float32],
    body: BodyNamed,
) -> NDArray[np.float32]:
    """The prediction (T, J, 3) in the order of `scored_names`, from its keypoints or its neutral mesh."""
    if protocol.joint_set == "keypoints_25":
        return keypoints_3d
    joints = body("smpl_neutral")(protocol.joint_set, rotations, betas)
    return joints.pick(scored_names(protocol)).astype(np.float32)


def _seen(label: Labels3D, names: tuple[str, ...]) -> NDArray[np.float32]:
    """2D labels of the same names where the universal 25 have them; what they lack is not visible."""
    points = Joints(KEYPOINTS_25, label.keypoints_2d.astype(np.float64))
    columns = [points.pick([name]) if name in KEYPOINTS_25 else np.zeros((len(label.valid), 1, 3)) for name in names]
    return np.concatenate(columns, 1).astype(np.float32)
