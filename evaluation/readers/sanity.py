"""Checks sides and bones of the 3D joints that a reader gives, so that a swapped leg shows.

A reader with two columns exchanged still gives finite, plausible numbers: only the shape of a body tells. The limits
are wide, since they must pass every real recording and fail an exchange, which moves the measure to the other end.

Legend: T frames, 3 x y z in metres, right-handed axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.sequence import Joints

LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
BENT_RAD = 0.6
"""A knee bent by more than about 35 degrees shows which way it bends."""
LENGTHS_M = (0.15, 0.75)
"""Range from a child's forearm to a tall man's thigh. A bone outside it means that the unit is wrong."""


@dataclass(frozen=True)
class Finding:
    """One check of one sequence."""

    check: str
    ok: bool
    measured: float
    limit: float

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'} {self.check}: {self.measured:.3g} (limit {self.limit:.3g})"


def check_sides_and_bones(joints: Joints) -> list[Finding]:
    """All checks that the joint set allows; none where it lacks a limb. Frames with NaN are left out."""
    needed = [
        f"{side}_{part}"
        for side in ("left", "right")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    if not set(needed) <= set(joints.names):
        return []
    points = joints.pick(needed)
    points = points[np.isfinite(points).all((1, 2))]
    if not len(points):
        return []
    at = {name: points[:, i] for i, name in enumerate(needed)}
    lengths = _lengths(at)
    middle = np.median(lengths, 0)
    left, right = middle[: len(LIMBS)], middle[len(LIMBS) :]
    return [
        _at_least("shortest bone, m", float(middle.min()), LENGTHS_M[0]),
        _at_most("longest bone, m", float(middle.max()), LENGTHS_M[1]),
        _at_most("left and right bones differ by, share", float((abs(left - right) / (left + right) * 2).max()), 0.15),
        _at_most("bone length changes over time by, share", float((lengths.std(0) / middle).max()), 0.15),
        _at_least("hips and shoulders face the same way, share of frames", _same_way(at), 0.85),
        _at_least("each knee is under its own hip, share of frames", _own_leg(at), 0.7),
        *_knees_forwards(at),
    ]


def _lengths(at: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(T, 8) m: four bones of the left, four of the right."""
    pairs = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in LIMBS]
    return np.stack([np.linalg.norm(at[a] - at[b], axis=-1) for a, b in pairs], -1)


def _same_way(at: dict[str, NDArray[np.float64]]) -> float:
    across = (at["left_hip"] - at["right_hip"]) * (at["left_shoulder"] - at["right_shoulder"])
    return float((across.sum(-1) > 0).mean())


def _own_leg(at: dict[str, NDArray[np.float64]]) -> float:
    def way(a: str, b: str) -> NDArray[np.float64]:
        distance: NDArray[np.float64] = np.linalg.norm(at[a] - at[b], axis=-1)
        return distance

    own = way("left_hip", "left_knee") + way("right_hip", "right_knee")
    other = way("left_hip", "right_knee") + way("right_hip", "left_knee")
    return float((own < other).mean())


def _knees_forwards(at: dict[str, NDArray[np.float64]]) -> list[Finding]:
    """Bent knees point forwards, forwards being left x up: an exchange of left and right turns it round."""
    up = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
    forward = np.cross(at["left_hip"] - at["right_hip"], up)
    signs: list[NDArray[np.bool_]] = []
    for side in ("left", "right"):
        thigh, shin = at[f"{side}_knee"] - at[f"{side}_hip"], at[f"{side}_ankle"] - at[f"{side}_knee"]
        sizes = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        bend = np.arccos(np.clip((thigh * shin).sum(-1) / np.maximum(sizes, 1e-9), -1, 1))
        out = (thigh / np.linalg.norm(thigh, axis=-1, keepdims=True)) - (
            shin / np.linalg.norm(shin, axis=-1, keepdims=True)
        )
        signs.append(((out * forward).sum(-1) > 0)[bend > BENT_RAD])
    bent = np.concatenate(signs)
    return (
        [_at_least("bent knees point forwards, share of bent knees", float(bent.mean()), 0.8)] if len(bent) >= 5 else []
    )


def _at_least(check: str, measured: float, limit: float) -> Finding:
    return Finding(check, measured >= limit, measured, limit)


def _at_most(check: str, measured: float, limit: float) -> Finding:
    return Finding(check, measured <= limit, measured, limit)
