"""Measures of one person's track that the filters compare with their thresholds (presets.py): each is a number, or a
mask of frames.

- `cut_off`, `too_fast`, `too_long`: how implausible the track is; 0 for a good one.
- `motion`: how much the joints move in the picture. `posture_change`: how much the posture changes, whatever the camera
  does. In a photograph that a film pans over, zooms into or turns, everything moves and no posture changes.
- `frozen_frames`: stretches in which the picture stands still although the video runs on (a paused stream, a
  photograph, a held last frame). Somebody who stands still moves some pixels; here none moves.

Letters: T frames of a track, N frames of a shot, J joints, L limb bones. Keypoints are (T, 25, 3): x, y px, score.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import person_size
from body.joints import KEYPOINTS_25, LIMBS_12, indices

FAST = 0.25
"""Diagonals of the person per frame at 25 fps, about 10 m/s: a sprinter's foot."""
LONG = 1.6
"""A bone in the picture can be shorter than its true length by any amount, and longer by none. One that is this many
times its 90th percentile has an end in the wrong place; the margin is for people who come nearer."""
BORDER = 0.05
"""In parts of the person's diagonal. A joint this near to the picture's border, or beyond it, is cut off: the network
draws a cut leg inside the picture as often as outside."""
ENOUGH_JOINTS = 6
"""A frame with fewer visible limb joints is not aligned with others."""
SAME_LEVELS = 3
"""Of 255, in the cell of the picture that changed most (video/shots.py). In clips frozen by ffmpeg and encoded by x264
(crf 23 and 35), MPEG-4 and VP9 half of the frames are at 2 or less; where people move 19 of 20 are above 22
(docs/LOG.md)."""
KEY_FRAMES = 2
"""Between two frozen stretches so many frames may differ: an encoder's new key frame draws the same picture anew."""

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_BONES = [
    (KEYPOINTS_25.index(f"{side}_{a}"), KEYPOINTS_25.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]
_ROUNDS = 3
_BLOCK = 1024
"""Frames that are aligned at a time, which bounds the memory for long tracks."""

Keypoints = NDArray[np.float32]
Visible = NDArray[np.bool_]
Complex = NDArray[np.complex128]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One run of a track as a filter sees it. Without `picture`, (width, height) px, nobody counts as cut off."""

    keypoints_TJ3: Keypoints
    visible_TJ: Visible
    rate: float
    """Frames a second."""
    picture: tuple[int, int] | None


def cut_off(keypoints_TJ3: Keypoints, picture: tuple[int, int] | None, joints: int) -> float:
    """Share of the frames in which at least `joints` limb joints lie at the border of a picture of (width, height) px,
    or beyond it; 0 if `picture` is None. Scores do not matter, since the network doubts what it cannot see."""
    known_T = (keypoints_TJ3[..., 2] > 0).any(axis=1)
    size = person_size(keypoints_TJ3, 0.0, default=0.0)
    if picture is None or not size:
        return 0.0
    x, y, score = np.moveaxis(keypoints_TJ3[:, _LIMBS], -1, 0)
    inside = np.minimum.reduce([x, picture[0] - x, y, picture[1] - y])
    at_border = (score > 0) & (inside < BORDER * size)
    return float((at_border.sum(axis=1) >= joints)[known_T].mean())


def too_fast(keypoints_TJ3: Keypoints, visible_TJ: Visible, rate: float) -> float:
    """Share of the steps of visible limb joints from frame to frame that are faster than FAST. `rate`: frames/s."""
    both = visible_TJ[1:, _LIMBS] & visible_TJ[:-1, _LIMBS]
    if not both.any():
        return 0.0
    step = np.hypot(*np.moveaxis(np.diff(keypoints_TJ3[:, _LIMBS, :2], axis=0), -1, 0))
    return float((step[both] > FAST * (_visible_size(keypoints_TJ3, visible_TJ) or 1.0) * 25 / rate).mean())


def too_long(keypoints_TJ3: Keypoints, visible_TJ: Visible) -> float:
    """Share of the visible limb bones that are LONG times their usual length in the picture."""
    a, b = (np.array(ends) for ends in zip(*_BONES, strict=True))
    seen_TL = visible_TJ[:, a] & visible_TJ[:, b]
    if not seen_TL.any():
        return 0.0
    length_TL = np.hypot(*np.moveaxis(keypoints_TJ3[:, a, :2] - keypoints_TJ3[:, b, :2], -1, 0))
    length_TL = np.where(seen_TL, length_TL, np.nan)
    usual_L = np.array([np.nanpercentile(bone, 90) if (bone == bone).any() else np.inf for bone in length_TL.T])
    return float((length_TL > LONG * usual_L).sum() / seen_TL.sum())


def motion(keypoints_TJ3: Keypoints, visible_TJ: Visible) -> float:
    """How much the person moves in the picture: the median over limb joints of the standard deviation of the place
    (both axes together), in parts of the person's diagonal. inf if no limb joint is visible twice."""
    xy = np.where(visible_TJ[:, _LIMBS, None], keypoints_TJ3[:, _LIMBS, :2], np.nan)
    often = visible_TJ[:, _LIMBS].sum(axis=0) >= 2
    size = _visible_size(keypoints_TJ3, visible_TJ)
    if not often.any() or not size:
        return float("inf")
    deviation_J = np.sqrt(np.nanvar(xy[:, often], axis=0, dtype=np.float64).sum(axis=1))
    return float(np.median(deviation_J) / size)


def posture_change(keypoints_TJ3: Keypoints, visible_TJ: Visible) -> float:
    """How much the posture changes: the median over limb joints of the standard deviation of the place, after every
    frame was aligned with their mean by a similarity (generalised Procrustes analysis, Gower 1975), in parts of the
    person's diagonal. The mean shrinks where postures differ, which is divided out. inf if fewer than two frames show
    ENOUGH_JOINTS."""
    seen_TJ = visible_TJ[:, _LIMBS]
    usable_T = seen_TJ.sum(axis=1) >= ENOUGH_JOINTS
    size = _visible_size(keypoints_TJ3, visible_TJ)
    if usable_T.sum() < 2 or not size:
        return float("inf")
    frames = np.flatnonzero(usable_T)
    blocks = [frames[start : start + _BLOCK] for start in range(0, len(frames), _BLOCK)]

    def aligned(goal_J: Complex) -> Iterator[tuple[Complex, Float]]:
        for rows in blocks:
            weight_TJ = seen_TJ[rows].astype(np.float64)
            yield _align(goal_J, _points(keypoints_TJ3[rows]), weight_TJ), weight_TJ

    counts_J = seen_TJ[frames].sum(axis=0)
    fullest = frames[seen_TJ[frames].sum(axis=1).argmax()]
    goal_J = mean_J = _points(keypoints_TJ3[fullest])
    for _ in range(_ROUNDS):
        goal_J = mean_J
        sums = [(places_TJ * weight_TJ).sum(axis=0) for places_TJ, weight_TJ in aligned(goal_J)]
        mean_J = np.sum(sums, axis=0) / np.maximum(counts_J, 1)
    off_J = np.sum(
        [(np.abs(places_TJ - mean_J) ** 2 * weight_TJ).sum(axis=0) for places_TJ, weight_TJ in aligned(goal_J)], axis=0
    )
    often_J = counts_J >= 2
    deviation_J = np.sqrt(off_J[often_J] / counts_J[often_J])
    shrunk = np.std(mean_J[often_J]) / np.std(_points(keypoints_TJ3[fullest])[often_J])
    return float(np.median(deviation_J) / size / max(shrunk, 1e-6))


def _points(keypoints: Keypoints) -> Complex:
    xy = keypoints[..., _LIMBS, :2].astype(np.float64)
    return np.asarray(xy[..., 0] + 1j * xy[..., 1])


def _align(goal_J: Complex, points_TJ: Complex, weight_TJ: Float) -> Complex:
    """Each frame, moved by the similarity that brings it nearest to the goal. Points are complex numbers, so that one
    factor turns and scales them."""
    count_T1 = weight_TJ.sum(axis=1, keepdims=True)
    centre_T1 = (points_TJ * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    goal_T1 = (goal_J * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    own_TJ = points_TJ - centre_T1
    fit_T1 = (own_TJ.conj() * (goal_J - goal_T1) * weight_TJ).sum(axis=1, keepdims=True)
    spread_T1 = (np.abs(own_TJ) ** 2 * weight_TJ).sum(axis=1, keepdims=True)
    return np.asarray(own_TJ * fit_T1 / np.maximum(spread_T1, 1e-9) + goal_T1)


def frozen_frames(change_N: NDArray[np.floating], rate: float, seconds: float) -> NDArray[np.bool_]:
    """(N) which frames belong to a stretch of at least `seconds` that repeats the picture before it. `change_N`: how
    much each frame differs from the one before (ShotFrame.change). `rate`: frames/s. Slow video in a fast file, which
    shows each picture a few times, is not frozen."""
    shortest = max(2, int(np.ceil(seconds * rate)))
    frozen_N = np.zeros(len(change_N), dtype=bool)
    last = -1
    for start, stop in _stretches(np.asarray(change_N) <= SAME_LEVELS):
        if stop - start >= shortest:
            frozen_N[last if 0 <= start - last <= KEY_FRAMES and last >= 0 else start : stop] = True
            last = stop
    return frozen_N


def _stretches(same_N: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same_N, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _visible_size(keypoints_TJ3: Keypoints, visible_TJ: Visible) -> float:
    return person_size(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0, default=0.0)
