"""What an evaluation says beside a protocol's own metrics: past and future, meshes, and the worst as skeletons."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, indices
from evaluation.metrics.mesh_errors import mesh_errors
from evaluation.protocols.definition import Protocol
from evaluation.protocols.joints import BodyNamed, predicted_joints
from evaluation.score import SequenceScore, sequence_name
from evaluation.study.worst import Worst
from flows.study.worst import shown_tracks
from hmmr_model.checkpoint import Checkpoint
from hmmr_model.prediction import Prediction
from storage.tables import Labels3D

_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)


def past_and_future(
    predicted: Mapping[str, Prediction], checkpoint: Checkpoint, body: BodyNamed, protocol: Protocol
) -> dict[int, dict[str, NDArray[np.float32]]]:
    """What the heads for other times say, by delta, where the model has them; their shape is the present's."""
    said: dict[int, dict[str, NDArray[np.float32]]] = {}
    for name, now in predicted.items():
        for delta in checkpoint.config.model.deltas:
            pose = now.past if delta < 0 else now.future
            if pose is not None:
                joints = predicted_joints(protocol, pose.keypoints_3d, pose.rotations, now.betas, body)
                said.setdefault(delta, {})[name] = joints
    return said


def mesh_values(
    predicted: Mapping[str, Prediction], labels: Mapping[str, Labels3D], protocol: Protocol, body: BodyNamed
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Per-vertex errors of each sequence whose labels have an SMPL body."""
    found: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for name, now in predicted.items():
        label = labels[name]
        if label.body.startswith("smpl_"):
            bodies = body("smpl_neutral").body, body(label.body).body
            own = found.setdefault(sequence_name(label.truth_id, protocol), {})
            for metric, values in mesh_errors(now.rotations, now.betas, label, *bodies).items():
                own.setdefault(metric, []).append(values)
    return {name: {m: np.concatenate(parts) for m, parts in metrics.items()} for name, metrics in found.items()}


def skeletons(
    scores: Sequence[SequenceScore],
    labels: Mapping[str, Labels3D],
    predicted: Mapping[str, Prediction],
    rates: Mapping[str, float],
    protocol: Protocol,
) -> list[Worst]:
    """One tracklet of each of these sequences. Labels without the 25 keypoints cannot be drawn."""
    found = []
    for score in scores:
        for name, label in labels.items():
            drawable = name in predicted and bool(np.isfinite(label.keypoints_3d[label.valid][:, _HIPS]).any())
            if drawable and sequence_name(label.truth_id, protocol) == score.sequence:
                tracks = shown_tracks(label, predicted[name])
                found.append(Worst(label.truth_id, score.value("pa_mpjpe_mm"), rates.get(name, 25.0), tracks))
                break
    return found
