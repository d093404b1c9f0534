"""Scores of the past and future poses that a model predicts at each frame, under the protocol of the present.

Legend: T frames of a tracklet, 25 keypoints; metres, camera axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evaluation.protocols.definition import Protocol
from evaluation.score import score_sequences
from storage.tables import Labels3D

METRICS = ("mpjpe_mm", "pa_mpjpe_mm")


def delta_scores(
    predicted: Mapping[int, Mapping[str, NDArray[np.float32]]],
    labels: Mapping[str, Labels3D],
    protocol: Protocol,
    names: Sequence[str],
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Errors (T,) by sequence and metric, such as `mpjpe_mm_at+5`, at every frame t whose t + delta is labelled.

    `predicted[delta][tracklet][t]` is the pose that was predicted at frame t for frame t + delta.
    """
    errors: dict[str, dict[str, NDArray[np.float64]]] = {}
    for delta, motions in predicted.items():
        ahead = {name: label_ahead(labels[name], delta) for name in motions}
        for score in score_sequences(motions, ahead, protocol, names=names):
            for metric in METRICS:
                errors.setdefault(score.sequence, {})[f"{metric}_at{delta:+d}"] = score.per_frame[metric]
    return errors


def label_ahead(label: Labels3D, delta: int) -> Labels3D:
    """The label whose row t holds the truth of frame t + delta. Rows without such a frame are invalid."""
    at = np.arange(len(label.valid)) + delta
    inside = (at >= 0) & (at < len(at))
    rows = np.clip(at, 0, len(at) - 1)
    return replace(
        label,
        valid=label.valid[rows] & inside,
        keypoints_3d=label.keypoints_3d[rows],
        keypoints_2d=label.keypoints_2d[rows],
    )
