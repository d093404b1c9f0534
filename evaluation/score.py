"""Score predicted motions against labels under a protocol: per frame, per sequence, and both averages.

Legend: T frames, K keypoints given (25 unless said otherwise), J joints of the protocol, 3 x y z in metres.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, indices
from evaluation.frame_values import frame_values
from evaluation.metrics.average import Average, average
from evaluation.metrics.joints import PCK_3DPW_MM, pck_3d
from evaluation.protocols.definition import Protocol
from storage.tables import Labels3D

_PERSON = re.compile(r"[/#:](?:p|person|actor)?_?\d+$")


@dataclass(frozen=True)
class SequenceScore:
    """One sequence under one protocol: values of every frame that was scored, and what was not scored and why."""

    sequence: str
    per_frame: dict[str, NDArray[np.float64]]
    """Metric to (n,) values; NaN where a frame has none. Metrics of motion have fewer entries than frames."""
    n_frames: int
    """Frames that the protocol selects and that have a prediction, whether finite or not."""
    excluded: dict[str, int] = field(default_factory=dict)
    """Frames left out, by reason: no_label, few_joints, few_visible, stride, no_prediction."""

    def value(self, metric: str) -> float:
        """Mean over the frames with a value; NaN where there is none."""
        values = self.per_frame[metric]
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if len(finite) else float("nan")

    @property
    def n_nan(self) -> int:
        """Scored frames whose position error is NaN: failed predictions, counted and not dropped."""
        return int(np.isnan(self.per_frame["mpjpe_mm"]).sum())


def score_sequences(
    pred: Mapping[str, NDArray[np.float32]],
    labels: Mapping[str, Labels3D],
    protocol: Protocol,
    *,
    fps: Mapping[str, float] | None = None,
    names: Sequence[str] = KEYPOINTS_25,
) -> list[SequenceScore]:
    """Score `pred` (tracklet id to (T, K, 3) m, camera axes, any origin) against `labels` of the same tracklets.

    `fps` gives each tracklet's working rate where it is known, without it m/s^2 is not printed. Labels of a camera
    that the protocol does not have are not of it and are passed over. A labelled tracklet without prediction
    counts as excluded frames (`no_prediction`). KeyError where `names` lacks a joint of the protocol; ValueError where
    lengths differ. The answer is sorted by sequence name.
    """
    wanted, root = indices(protocol.joints, names), indices(protocol.root, names)
    parts: dict[str, list[SequenceScore]] = defaultdict(list)
    for tracklet_id, label in labels.items():
        if label.truth_id.endswith(protocol.frames.not_cameras or ("\0",)):
            continue
        rate = protocol.fps if fps is None else fps.get(tracklet_id, protocol.fps)
        part = _score_tracklet(tracklet_id, pred.get(tracklet_id), label, protocol, wanted, root, rate)
        parts[part.sequence].append(part)
    return [_join(name, parts[name]) for name in sorted(parts)]


def aggregate(scores: Sequence[SequenceScore]) -> dict[str, Average]:
    """Macro (over sequences) and micro (over frames) mean of each metric."""
    metrics = sorted({metric for score in scores for metric in score.per_frame})
    return {metric: average([s.per_frame[metric] for s in scores if metric in s.per_frame]) for metric in metrics}


def with_values(
    scores: Sequence[SequenceScore], found: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> list[SequenceScore]:
    """The scores with further metrics (past and future, meshes), given by sequence and metric."""
    return [replace(score, per_frame={**score.per_frame, **found.get(score.sequence, {})}) for score in scores]


def sequence_name(truth_id: str, protocol: Protocol) -> str:
    """The sequence that a truth belongs to: itself, or its film where all people of a film are one sequence."""
    return _PERSON.sub("", truth_id) if protocol.group == "film" else truth_id


def _score_tracklet(
    tracklet_id: str,
    pred: NDArray[np.float32] | None,
    label: Labels3D,
    protocol: Protocol,
    wanted: list[int],
    root: list[int],
    rate: float | None,
) -> SequenceScore:
    truth_TK3 = np.asarray(label.keypoints_3d, np.float64)
    name = sequence_name(label.truth_id, protocol)
    keep, excluded = _selected(label, protocol, wanted)
    if pred is None:
        return SequenceScore(name, {}, 0, excluded | {"no_prediction": int(keep.sum())})
    pred_TK3 = np.asarray(pred, np.float64)
    if pred_TK3.shape != truth_TK3.shape:
        raise ValueError(f"tracklet {tracklet_id}: prediction {pred_TK3.shape} and label {truth_TK3.shape} differ")
    mask_TJ = np.isfinite(truth_TK3[:, wanted]).all(-1) & keep[:, None]
    pred_TJ3, truth_TJ3 = (torch.from_numpy(_about(points, root)[:, wanted]) for points in (pred_TK3, truth_TK3))
    values = frame_values(pred_TJ3, truth_TJ3, torch.from_numpy(mask_TJ), rate)
    if protocol.near_joints:
        near = mask_TJ & np.isin(protocol.joints, protocol.near_joints)
        values["pck_50mm"] = pck_3d(pred_TJ3, truth_TJ3, near, threshold_mm=PCK_3DPW_MM).numpy()
    if protocol.frames.every > 1:  # no two scored frames are neighbours: motion is not measured, and not listed as NaN
        values = {metric: value for metric, value in values.items() if len(value) == len(keep)}
    per_frame = {k: v[keep] if len(v) == len(keep) else v[_inner(keep, len(v))] for k, v in values.items()}
    return SequenceScore(name, per_frame, int(keep.sum()), excluded)


def _selected(label: Labels3D, protocol: Protocol, wanted: list[int]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Frames (T,) that the protocol scores, and how many are left out for which reason."""
    rule = protocol.frames
    valid = np.asarray(label.valid, bool)
    joints = np.isfinite(np.asarray(label.keypoints_3d)[:, wanted]).all(-1).sum(-1)
    seen = (np.asarray(label.keypoints_2d)[:, wanted, 2] > 0).sum(-1)
    on_stride = np.arange(len(valid)) % rule.every == 0
    reasons = {"no_label": ~valid, "few_joints": joints < rule.min_joints, "few_visible": seen < rule.min_visible}
    keep, excluded = np.ones(len(valid), bool), {}
    for reason, out in (reasons | {"stride": ~on_stride}).items():
        excluded[reason] = int((keep & out).sum())
        keep &= ~out
    return keep, {reason: count for reason, count in excluded.items() if count}


def _about(points_TK3: NDArray[np.float64], root: list[int]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = points_TK3 - points_TK3[:, root].mean(1, keepdims=True)
    return centred


def _inner(keep: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Which differences over several frames have all of their frames kept."""
    span = len(keep) - length
    inner: NDArray[np.bool_] = np.logical_and.reduce([keep[i : i + length] for i in range(span + 1)])
    return inner


def _join(name: str, parts: Sequence[SequenceScore]) -> SequenceScore:
    """All tracklets of one sequence as one: differences over time were taken inside each tracklet, never across."""
    metrics = sorted({metric for part in parts for metric in part.per_frame})
    per_frame = {m: np.concatenate([p.per_frame[m] for p in parts if m in p.per_frame]) for m in metrics}
    excluded: dict[str, int] = defaultdict(int)
    for part in parts:
        for reason, count in part.excluded.items():
            excluded[reason] += count
    return SequenceScore(name, per_frame, sum(part.n_frames for part in parts), dict(excluded))


def scored_frames(scores: Iterable[SequenceScore]) -> int:
    """Frames scored in all, to hold against the benchmark's own count (docs/hazards.md 13)."""
    return sum(score.n_frames for score in scores)
