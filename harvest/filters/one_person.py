"""How believable a stretch of a track is: two numbers, each 0 for a good one; filters.py has the thresholds.

Letters: T frames, J 25 joints, L limb bones. Keypoints (T, 25, 3): x, y px, score.

How much a person's posture changes, whatever the camera does: in a photograph that a film pans over, zooms into
or turns everything moves and nobody does.

Letters: T frames of a run, J 12 limb joints. Points of the picture are complex numbers, so that one factor turns and
scales them.

Stretches in which the picture stands still although the video runs on: a paused stream, a photograph, a last frame
held for its narrator. Somebody who only stands still moves pixels; here none moves, and no motion can be learned.

Letters: N frames of a shot.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25, LIMBS_12, indices

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_BONES = [
    (KEYPOINTS_25.index(f"{side}_{a}"), KEYPOINTS_25.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]
FAST = 0.25
"""Diagonals of the person a frame at 25 fps, some 10 m/s: a sprinter's foot."""
LONG = 1.6
"""A bone's picture can be shorter than the bone by any amount and longer by none: so much over its 90th percentile,
which leaves room for a person who comes nearer, is a joint in the wrong place."""
BORDER = 0.05
"""Of the person's diagonal: a joint so near the picture's border, or beyond it, is where the border cut the person,
since the network draws a cut leg into the picture as often as out of it."""

Keypoints = NDArray[np.float32]


def cut_off(keypoints_TJ3: Keypoints, picture: tuple[int, int] | None, joints: int) -> float:
    """Share of the frames that show the person in which at least `joints` limb joints lie at the border of a picture of
    (width, height) px, or beyond it; 0 for an unknown picture. Their scores do not matter: the network doubts what it
    cannot see."""
    known_T = (keypoints_TJ3[..., 2] > 0).any(axis=1)
    boxes, there = keypoint_boxes(keypoints_TJ3, 0.0)
    if picture is None or not there.any():
        return 0.0
    x, y, score = np.moveaxis(keypoints_TJ3[:, _LIMBS], -1, 0)
    inside = np.minimum.reduce([x, picture[0] - x, y, picture[1] - y])
    at_border = (score > 0) & (inside < BORDER * np.median(diagonals(boxes[there])))
    return float((at_border.sum(axis=1) >= joints)[known_T].mean())


def too_fast(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_], rate: float) -> float:
    """Share of steps of visible limb joints that are faster than FAST."""
    both = visible_TJ[1:, _LIMBS] & visible_TJ[:-1, _LIMBS]
    if not both.any():
        return 0.0
    step = np.hypot(*np.moveaxis(np.diff(keypoints_TJ3[:, _LIMBS, :2], axis=0), -1, 0))
    return float((step[both] > FAST * _size(keypoints_TJ3, visible_TJ) * 25 / rate).mean())


def too_long(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_]) -> float:
    """Share of visible limb bones that are LONG times their usual length."""
    a, b = (np.array(ends) for ends in zip(*_BONES, strict=True))
    seen_TL = visible_TJ[:, a] & visible_TJ[:, b]
    if not seen_TL.any():
        return 0.0
    length_TL = np.hypot(*np.moveaxis(keypoints_TJ3[:, a, :2] - keypoints_TJ3[:, b, :2], -1, 0))
    length_TL = np.where(seen_TL, length_TL, np.nan)
    usual_L = np.array([np.nanpercentile(bone, 90) if (bone == bone).any() else np.inf for bone in length_TL.T])
    return float((length_TL > LONG * usual_L).sum() / seen_TL.sum())


def _size(keypoints_TJ3: Keypoints, visible_TJ: NDArray[np.bool_]) -> float:
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    return float(np.median(diagonals(boxes[there]))) if there.any() else 1.0


ENOUGH_JOINTS = 6
"""A frame that shows fewer limb joints cannot be laid over another."""
_ROUNDS = 3
_BLOCK = 1024
"""Frames at a time, for the memory of long tracks."""
_LIMBS = indices(LIMBS_12, KEYPOINTS_25)

Complex = NDArray[np.complex128]
Float = NDArray[np.float64]


def posture_change(keypoints_TJ3: NDArray[np.float32], visible_TJ: NDArray[np.bool_]) -> float:
    """The median over limb joints of the deviation of their place, after every frame was shifted, scaled and turned to
    lie best over their mean (generalised Procrustes analysis, Gower 1975), over the median diagonal of the visible
    joints. Frames that share no posture fit best as a point: what the mean has shrunk is made good. inf if that cannot
    be said."""
    seen_TJ = visible_TJ[:, _LIMBS]
    usable_T = seen_TJ.sum(axis=1) >= ENOUGH_JOINTS
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    if usable_T.sum() < 2 or not there.any():
        return float("inf")
    frames = np.flatnonzero(usable_T)
    blocks = [frames[start : start + _BLOCK] for start in range(0, len(frames), _BLOCK)]

    def laid(goal_J: Complex) -> Iterator[tuple[Complex, Float]]:
        for rows in blocks:
            weight_TJ = seen_TJ[rows].astype(np.float64)
            yield _laid_over(goal_J, _points(keypoints_TJ3[rows]), weight_TJ), weight_TJ

    counts_J = seen_TJ[frames].sum(axis=0)
    fullest = frames[seen_TJ[frames].sum(axis=1).argmax()]
    goal_J = mean_J = _points(keypoints_TJ3[fullest])
    for _ in range(_ROUNDS):
        goal_J = mean_J
        sums = [(laid_TJ * weight_TJ).sum(axis=0) for laid_TJ, weight_TJ in laid(goal_J)]
        mean_J = np.sum(sums, axis=0) / np.maximum(counts_J, 1)
    off_J = np.sum(
        [(np.abs(each_TJ - mean_J) ** 2 * weight_TJ).sum(axis=0) for each_TJ, weight_TJ in laid(goal_J)], axis=0
    )
    often_J = counts_J >= 2
    deviation_J = np.sqrt(off_J[often_J] / counts_J[often_J])
    shrunk = np.std(mean_J[often_J]) / np.std(_points(keypoints_TJ3[fullest])[often_J])
    return float(np.median(deviation_J) / np.median(diagonals(boxes[there])) / max(shrunk, 1e-6))


def _points(keypoints: NDArray[np.float32]) -> Complex:
    xy = keypoints[..., _LIMBS, :2].astype(np.float64)
    return np.asarray(xy[..., 0] + 1j * xy[..., 1])


def _laid_over(goal_J: Complex, points_TJ: Complex, weight_TJ: Float) -> Complex:
    """Each frame, moved by the similarity that brings it nearest to one posture."""
    count_T1 = weight_TJ.sum(axis=1, keepdims=True)
    centre_T1 = (points_TJ * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    goal_T1 = (goal_J * weight_TJ).sum(axis=1, keepdims=True) / count_T1
    own_TJ = points_TJ - centre_T1
    fit_T1 = (own_TJ.conj() * (goal_J - goal_T1) * weight_TJ).sum(axis=1, keepdims=True)
    spread_T1 = (np.abs(own_TJ) ** 2 * weight_TJ).sum(axis=1, keepdims=True)
    return np.asarray(own_TJ * fit_T1 / np.maximum(spread_T1, 1e-9) + goal_T1)


SAME_LEVELS = 3
"""Of 255, in the cell of the picture that changed most (shots.py). Clips frozen by ffmpeg and encoded by x264 (crf 23
and 35), MPEG-4 and VP9: half of the frames at 2 or less; where people move, 19 of 20 above 22 (docs/LOG.md)."""
KEY_FRAMES = 2
"""Between two frozen stretches so many frames may differ: an encoder's new key frame draws the same picture anew."""


def frozen_frames(change_N: NDArray[np.floating], rate: float, seconds: float) -> NDArray[np.bool_]:
    """(N) which frames belong to a stretch of at least `seconds` that repeats the picture before it. `change_N` is how
    much each differs from the frame before. Pictures shown twice or five times (slow video in a fast file) are none."""
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
