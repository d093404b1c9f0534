"""Scores of predicted motions under a protocol: per frame, per sequence, averaged both ways, and as rows of the lake.

HMMR averages within a sequence and then over sequences (macro); later papers pool frames (micro). On sequences of
unequal length the two differ by tens of millimetres (docs/hazards.md, 12), so both are always given.

Legend: T frames, K keypoints given (25 unless said otherwise), J joints of the protocol, 3 x y z in metres, camera axes
(x right, y down, z forward).
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from body.joints import KEYPOINTS_25, indices
from evaluation.metrics.inputs import Array, working
from evaluation.metrics.joints import (
    PCK_3DPW_MM,
    auc_3d,
    better_mirrored,
    mpjpe,
    pa_mpjpe,
    pck_3d,
    scale_aligned_mpjpe,
)
from evaluation.metrics.motion import acceleration, acceleration_error
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

    `fps` gives each tracklet's working rate where it is known; without it there are no values in m/s^2. Labels of a
    camera that the protocol does not use are ignored. A labelled tracklet without prediction
    counts as excluded frames (`no_prediction`). KeyError where `names` lacks a joint of the protocol; ValueError where
    lengths differ. The answer is sorted by sequence name.
    """
    joints, root = indices(protocol.joints, names), indices(protocol.root, names)
    parts: dict[str, list[SequenceScore]] = defaultdict(list)
    for tracklet_id, label in labels.items():
        if label.truth_id.endswith(protocol.frames.not_cameras or ("\0",)):
            continue
        rate = protocol.fps if fps is None else fps.get(tracklet_id, protocol.fps)
        part = _score_tracklet(tracklet_id, pred.get(tracklet_id), label, protocol, joints, root, rate)
        parts[part.sequence].append(part)
    return [_join(name, parts[name]) for name in sorted(parts)]


def with_values(
    scores: Sequence[SequenceScore], values: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> list[SequenceScore]:
    """The scores with further metrics (past and future, meshes), given by sequence and metric."""
    return [replace(score, per_frame={**score.per_frame, **values.get(score.sequence, {})}) for score in scores]


def sequence_name(truth_id: str, protocol: Protocol) -> str:
    """The sequence that a truth belongs to: itself, or its film where all people of a film are one sequence."""
    return _PERSON.sub("", truth_id) if protocol.group == "film" else truth_id


def scored_frames(scores: Iterable[SequenceScore]) -> int:
    """Frames scored in all, to hold against the benchmark's own count (docs/hazards.md, 13)."""
    return sum(score.n_frames for score in scores)


def _score_tracklet(
    tracklet_id: str,
    pred: NDArray[np.float32] | None,
    label: Labels3D,
    protocol: Protocol,
    joints: list[int],
    root: list[int],
    rate: float | None,
) -> SequenceScore:
    truth_TK3 = np.asarray(label.keypoints_3d, np.float64)
    name = sequence_name(label.truth_id, protocol)
    keep, excluded = _selected(label, protocol, joints)
    if pred is None:
        return SequenceScore(name, {}, 0, excluded | {"no_prediction": int(keep.sum())})
    pred_TK3 = np.asarray(pred, np.float64)
    if pred_TK3.shape != truth_TK3.shape:
        raise ValueError(f"tracklet {tracklet_id}: prediction {pred_TK3.shape} and label {truth_TK3.shape} differ")
    mask_TJ = np.isfinite(truth_TK3[:, joints]).all(-1) & keep[:, None]
    pred_TJ3, truth_TJ3 = (torch.from_numpy(_about(points, root)[:, joints]) for points in (pred_TK3, truth_TK3))
    values = frame_values(pred_TJ3, truth_TJ3, torch.from_numpy(mask_TJ), rate)
    if protocol.near_joints:
        near = mask_TJ & np.isin(protocol.joints, protocol.near_joints)
        values["pck_50mm"] = pck_3d(pred_TJ3, truth_TJ3, near, threshold_mm=PCK_3DPW_MM).numpy()
    if protocol.frames.every > 1:  # no two scored frames are neighbours: motion is not measured, and not listed as NaN
        values = {metric: value for metric, value in values.items() if len(value) == len(keep)}
    per_frame = {k: v[keep] if len(v) == len(keep) else v[_inner(keep, len(v))] for k, v in values.items()}
    return SequenceScore(name, per_frame, int(keep.sum()), excluded)


def _selected(label: Labels3D, protocol: Protocol, joints: list[int]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Frames (T,) that the protocol scores, and how many are left out for which reason."""
    rule = protocol.frames
    valid = np.asarray(label.valid, bool)
    n_labelled = np.isfinite(np.asarray(label.keypoints_3d)[:, joints]).all(-1).sum(-1)
    n_visible = (np.asarray(label.keypoints_2d)[:, joints, 2] > 0).sum(-1)
    on_stride = np.arange(len(valid)) % rule.every == 0
    reasons = {
        "no_label": ~valid,
        "few_joints": n_labelled < rule.min_joints,
        "few_visible": n_visible < rule.min_visible,
    }
    keep, excluded = np.ones(len(valid), bool), {}
    for reason, left_out in (reasons | {"stride": ~on_stride}).items():
        excluded[reason] = int((keep & left_out).sum())
        keep &= ~left_out
    return keep, {reason: count for reason, count in excluded.items() if count}


def _about(points_TK3: NDArray[np.float64], root: list[int]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = points_TK3 - points_TK3[:, root].mean(1, keepdims=True)
    return centred


def _inner(keep: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Differences over several frames (length,) whose frames are all kept."""
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


def frame_values(pred: Tensor, target: Tensor, mask: Tensor, fps: float | None) -> dict[str, NDArray[np.float64]]:
    """Metric name to (T,) values, (T - 2,) for accelerations. m/s^2 only where the frame rate is known."""
    error_frame2, error_s2 = acceleration_error(pred, target, fps or 1.0, mask)
    own_frame2, own_s2 = acceleration(pred, fps or 1.0, mask)
    values = {
        "mpjpe_mm": mpjpe(pred, target, mask),
        "pa_mpjpe_mm": pa_mpjpe(pred, target, mask),
        "scale_mpjpe_mm": scale_aligned_mpjpe(pred, target, mask),
        "pck_150mm": pck_3d(pred, target, mask),
        "auc_150mm": auc_3d(pred, target, mask),
        "mirrored_share": better_mirrored(pred, target, mask),
        "accel_error_mm_frame2": error_frame2,
        "accel_pred_mm_frame2": own_frame2,
    }
    if fps is not None:
        values |= {"accel_error_m_s2": error_s2, "accel_pred_m_s2": own_s2}
    return {name: torch.as_tensor(value).cpu().numpy() for name, value in values.items()}


@dataclass(frozen=True)
class Average:
    """Both means of one metric, in its unit, and what they are over."""

    macro: float
    """Mean over sequences of each sequence's mean; NaN where no sequence has a value."""
    micro: float
    """Mean over all frames."""
    n_frames: int
    """Frames with a value."""
    n_nan: int
    """Frames without one: failed, degenerate or empty. Counted here, never dropped in silence."""
    n_sequences: int
    """Sequences with at least one value."""
    n_empty: int
    """Sequences without any."""


def aggregate(scores: Sequence[SequenceScore]) -> dict[str, Average]:
    """Macro (over sequences) and micro (over frames) mean of each metric."""
    metrics = sorted({metric for score in scores for metric in score.per_frame})
    return {metric: average([s.per_frame[metric] for s in scores if metric in s.per_frame]) for metric in metrics}


def average(sequences: Iterable[Array]) -> Average:
    """Macro and micro mean of per-frame values, one array (T,) a sequence. The order of sequences changes nothing."""
    values = [working(sequence).flatten() for sequence in sequences]
    finite = [value[torch.isfinite(value)] for value in values]
    filled = [value for value in finite if len(value)]
    pooled = torch.cat(filled) if filled else torch.empty(0, dtype=torch.float64)
    means = torch.stack([value.mean() for value in filled]) if filled else pooled
    return Average(
        macro=_exact_mean(means.tolist()),
        micro=_exact_mean(pooled.tolist()),
        n_frames=len(pooled),
        n_nan=sum(len(value) for value in values) - len(pooled),
        n_sequences=len(filled),
        n_empty=len(values) - len(filled),
    )


def _exact_mean(values: list[float]) -> float:
    """Mean with an exactly rounded sum, so that permuting the sequences cannot change a digit."""
    return math.fsum(values) / len(values) if values else float("nan")


MACRO, MICRO = "*macro", "*micro"


@dataclass(frozen=True)
class Scored:
    """The columns of a `scores` row that are the same for the whole evaluation."""

    run_id: str
    variant: str
    dataset: str
    split: str
    commit: str
    scored_at: datetime
    study: str = ""
    phi_name: str = ""
    hours: float = 0.0
    seed: int = 0


def score_rows(scores: Sequence[SequenceScore], protocol: Protocol, scored: Scored) -> list[dict[str, object]]:
    """Rows for `storage.tables.rows_to_table("scores", ...)`. Frames without a value are rows too (`nan_frames`,
    `excluded_frames`), so that no average hides what it is not over."""
    rows: list[dict[str, object]] = []
    for score in scores:
        for metric, values in score.per_frame.items():
            finite = int((values == values).sum())
            rows.append(score_row(protocol, scored, score.sequence, metric, score.value(metric), finite))
        rows.append(score_row(protocol, scored, score.sequence, "excluded_frames", _left_out(score), score.n_frames))
    for metric, mean in aggregate(scores).items():
        rows.append(score_row(protocol, scored, MACRO, metric, mean.macro, mean.n_frames))
        rows.append(score_row(protocol, scored, MICRO, metric, mean.micro, mean.n_frames))
    total = sum(score.n_frames for score in scores)
    failed = sum(score.n_nan for score in scores if "mpjpe_mm" in score.per_frame)
    rows.append(score_row(protocol, scored, MICRO, "nan_frames", failed, total))
    rows.append(score_row(protocol, scored, MICRO, "excluded_frames", sum(map(_left_out, scores)), total))
    return rows


def _left_out(score: SequenceScore) -> int:
    return sum(score.excluded.values())


def score_row(
    protocol: Protocol, scored: Scored, sequence: str, metric: str, value: float, n_frames: int
) -> dict[str, object]:
    """One row; `n_frames` is the number of frames that the value is taken over."""
    key = (scored.run_id, scored.study, scored.variant, protocol.id, scored.dataset, scored.split, sequence, metric)
    digest = hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:32]
    return asdict(scored) | {
        "score_id": digest,
        "protocol": protocol.id,
        "sequence": sequence,
        "metric": metric,
        "value": float(value),
        "n_frames": int(n_frames),
    }
