"""Finds frames of a track in which the pose network exchanged left and right, and exchanges them back.

Limbs cannot change sides between two frames. So a Viterbi search over two states a frame (as detected, exchanged) takes
the sequence in which the joints move least, with a small cost for each exchanged frame. Arms and legs are searched
separately. Letters: T frames, J 25 joints, S 2 states.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import person_size
from body.joints import KEYPOINTS_25, mirror_permutation
from harvest.tracking.track import Track

_MIRROR = mirror_permutation(KEYPOINTS_25)
_PARTS = {
    "arms": ("shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle", "heel", "toe"),
}


@dataclass(frozen=True)
class SidesConfig:
    """Costs are in parts of the person's diagonal."""

    visible_score: float = 0.3
    exchange: float = 0.02
    """Cost of a change between the two states; above the joints' jitter. On 60 dev films 3.7 % of the frames have sides
    exchanged; with `exchange` 0.02 and `doubt` 0.01 the repair leaves 1.9 %, with 0.05 and 0.02 2.3 % (docs/LOG.md)."""
    doubt: float = 0.01
    """Cost of an exchanged frame. It decides for the network's answer where both states move alike."""
    stretch: int = 16
    """Frames that are decided at a time while the video is still decoded; stretches begin at multiples of it."""
    before: int = 16
    """The search starts so many frames before the stretch; their states are fixed already."""
    after: int = 30
    """The search ends so many frames after the stretch. At 25 frames/s φ waits for as many anyway."""


def repair_sides(
    keypoints_TJ3: NDArray[np.float32], config: SidesConfig, *, settled: int = 0
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]]]:
    """(T, 25, 3) keypoints with repaired sides and, for "arms" and "legs", (T) which frames were exchanged. The first
    `settled` frames are taken as correct."""
    repaired = keypoints_TJ3.copy()
    size = person_size(keypoints_TJ3, config.visible_score)
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
    """Repair frames low .. high - 1 of the shot in place; the frames before were repaired earlier. Frames from
    `horizon` on and unobserved frames at the end are ignored, so that the result does not depend on how far the track
    has grown."""
    first, last = max(low, track.start) - track.start, min(high, track.end) - track.start
    if first >= last or not (seen := np.flatnonzero(track.observed[first : horizon - track.start])).size:
        return
    end = first + int(seen[-1]) + 1
    begin, last = max(0, first - config.before), min(last, end)
    repaired, _ = repair_sides(track.keypoints[begin:end], config, settled=first - begin)
    track.keypoints[first:last] = repaired[first - begin : last - begin]


def _steps(
    keypoints_TJ3: NDArray[np.float32], joints: list[int], size: float, config: SidesConfig
) -> NDArray[np.float64]:
    """(T - 1, 2) mean distance that the part's joints move to the next frame, if both frames are in the same state and
    if they are not. Only joints that are visible in both frames count; both costs are 0 if fewer than four are."""
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
    """(T) whether each frame is exchanged on the cheapest path."""
    doubt, never = np.array([0.0, config.doubt]), np.array([0.0, np.inf])
    cost_S = never if settled else doubt
    previous_states = []
    for t, (alike, unlike) in enumerate(steps_T2, start=1):
        moves_SS = np.array([[alike, unlike + config.exchange], [unlike + config.exchange, alike]])
        total_SS = cost_S[:, None] + moves_SS
        previous_states.append(total_SS.argmin(axis=0))
        cost_S = total_SS.min(axis=0) + (never if t < settled else doubt)
    state = int(cost_S.argmin())
    states = [state]
    for previous_S in reversed(previous_states):
        state = int(previous_S[state])
        states.append(state)
    return np.array(states[::-1], dtype=bool)
