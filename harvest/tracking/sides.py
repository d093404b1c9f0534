"""Finds frames of a track in which a detector took left for right, and names the joints anew.

Limbs cannot change sides between two frames: of the ways to name the joints of all frames, the one is taken that
moves them least (Viterbi over two states a frame), with a small price for every frame that is named otherwise than
the detector did. Arms and legs are judged apart. Letters: T frames, J 25 joints, S 2 states: as is, exchanged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25, mirror_permutation
from harvest.tracking.track import Track

_MIRROR = mirror_permutation(KEYPOINTS_25)
_PARTS = {
    "arms": ("shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle", "heel", "toe"),
}


@dataclass(frozen=True)
class SidesConfig:
    """Prices in parts of the person's diagonal."""

    visible_score: float = 0.3
    exchange: float = 0.02
    """Of every change between named-as-is and exchanged: more than joints jitter by. On 60 dev films 0.02 and 0.01 left
    1.9 % of the frames with sides exchanged, 0.05 and 0.02 left 2.3 %, of 3.7 % (docs/LOG.md)."""
    doubt: float = 0.01
    """Of every exchanged frame: where both namings move alike, the detector is believed."""
    stretch: int = 16
    """Frames that are decided at a time while a film still runs, at fixed places of its shot."""
    before: int = 16
    """Decided frames before a stretch that say which side is which in it."""
    after: int = 30
    """Frames after it that are looked at too, as many as are waited for anyhow at 25 a second."""


def repair_sides(
    keypoints_TJ3: NDArray[np.float32], config: SidesConfig, *, settled: int = 0
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]]]:
    """The track with sides put right, and for arms and legs (T) which frames were exchanged. The first `settled`
    frames are right already."""
    repaired = keypoints_TJ3.copy()
    boxes, there = keypoint_boxes(keypoints_TJ3, config.visible_score)
    size = float(np.median(diagonals(boxes[there]))) if there.any() else 1.0
    exchanged = {}
    for part, words in _PARTS.items():
        joints = [j for j, name in enumerate(KEYPOINTS_25) if any(word in name for word in words)]
        mirrored = [_MIRROR[j] for j in joints]
        states_T = _cheapest(_steps(keypoints_TJ3, joints, size, config), config, settled)
        rows = np.flatnonzero(states_T)[:, None]
        repaired[rows, joints] = keypoints_TJ3[rows, mirrored]
        exchanged[part] = states_T
    return repaired, exchanged


def repair_stretch(track: Track, low: int, high: int, horizon: int, config: SidesConfig) -> None:
    """Put left and right of frames low .. high - 1 of the shot right, in place; those before are right already. Frames
    from `horizon` on are not looked at, nor those in which the person was not seen at the end: so what is decided does
    not depend on how much more is known by now."""
    first, last = max(low, track.start) - track.start, min(high, track.end) - track.start
    if first >= last or not (seen := np.flatnonzero(track.observed[first : horizon - track.start])).size:
        return
    begin, end = max(0, first - config.before), max(last, first + int(seen[-1]) + 1)
    repaired, _ = repair_sides(track.keypoints[begin:end], config, settled=first - begin)
    track.keypoints[first:last] = repaired[first - begin : last - begin]


def _steps(
    keypoints_TJ3: NDArray[np.float32], joints: list[int], size: float, config: SidesConfig
) -> NDArray[np.float64]:
    """(T - 1, 2) how far the part's joints move to the next frame if both are named alike, and if not. A joint that
    is not visible in both frames says nothing; if few are, both namings cost the same."""
    mirrored = [_MIRROR[j] for j in joints]
    steps = []
    for now in (joints, mirrored):
        a, b = keypoints_TJ3[:-1, joints], keypoints_TJ3[1:, now]
        both = (a[..., 2] >= config.visible_score) & (b[..., 2] >= config.visible_score)
        apart = np.hypot(*np.moveaxis(a[..., :2] - b[..., :2], -1, 0)) / size
        mean = (apart * both).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        steps.append(np.where(both.sum(axis=1) >= 4, mean, 0.0))
    known = (steps[0] > 0) & (steps[1] > 0)
    return np.where(known[:, None], np.stack(steps, axis=1), 0.0)


def _cheapest(steps_T2: NDArray[np.float64], config: SidesConfig, settled: int) -> NDArray[np.bool_]:
    """(T) the states of the cheapest path."""
    doubt, never = np.array([0.0, config.doubt]), np.array([0.0, np.inf])
    price = never if settled else doubt
    came = []
    for t, (alike, unlike) in enumerate(steps_T2, start=1):
        moves_SS = np.array([[alike, unlike + config.exchange], [unlike + config.exchange, alike]])
        total_SS = price[:, None] + moves_SS
        came.append(total_SS.argmin(axis=0))
        price = total_SS.min(axis=0) + (never if t < settled else doubt)
    state = int(price.argmin())
    states = [state]
    for before in reversed(came):
        state = int(before[state])
        states.append(state)
    return np.array(states[::-1], dtype=bool)
