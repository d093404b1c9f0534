"""Tracking scores (HOTA, MOTA, IDF1) of boxes against true tracks, computed by TrackEval, the field's own program.

Legend: T frames; per frame P true and Q found boxes, x0 y0 x1 y1 px.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError


@dataclass(frozen=True)
class FrameBoxes:
    """Who is where in one frame."""

    ids: NDArray[np.int64]
    """(P,) any integers; the same person has the same one through time."""
    boxes: NDArray[np.float64]
    """(P, 4)."""


@dataclass(frozen=True)
class TrackingScores:
    """Each in 0 to 1, but for MOTA, which can be negative, and the number of switches."""

    hota: float
    mota: float
    idf1: float
    id_switches: int


def tracking_scores(truth: Sequence[FrameBoxes], found: Sequence[FrameBoxes]) -> TrackingScores:
    """Score one sequence of T frames. EvaluationError where TrackEval is not installed; ValueError for unequal T."""
    if len(truth) != len(found):
        raise ValueError(f"{len(truth)} true frames and {len(found)} found ones")
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise EvaluationError("tracking scores need TrackEval: pip install trackeval") from error
    data = _data(truth, found)
    quiet = {"THRESHOLD": 0.5, "PRINT_CONFIG": False}
    hota = HOTA().eval_sequence(data)
    clear, identity = CLEAR(quiet).eval_sequence(data), Identity(quiet).eval_sequence(data)
    return TrackingScores(
        hota=float(np.mean(hota["HOTA"])),
        mota=float(clear["MOTA"]),
        idf1=float(identity["IDF1"]),
        id_switches=int(clear["IDSW"]),
    )


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (P, Q) of two sets of boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _data(truth: Sequence[FrameBoxes], found: Sequence[FrameBoxes]) -> dict[str, Any]:
    """What TrackEval's metrics take: ids counted from 0, similarities a frame."""
    true_ids, found_ids = _counted(truth), _counted(found)
    return {
        "num_timesteps": len(truth),
        "num_gt_ids": 1 + max((int(ids.max()) for ids in true_ids if len(ids)), default=-1),
        "num_tracker_ids": 1 + max((int(ids.max()) for ids in found_ids if len(ids)), default=-1),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, found_ids)),
        "gt_ids": true_ids,
        "tracker_ids": found_ids,
        "similarity_scores": [overlaps(t.boxes, f.boxes) for t, f in zip(truth, found, strict=True)],
    }


def _counted(frames: Sequence[FrameBoxes]) -> list[NDArray[np.int64]]:
    known = np.unique(np.concatenate([frame.ids for frame in frames])) if frames else np.zeros(0, np.int64)
    return [np.searchsorted(known, frame.ids) for frame in frames]
