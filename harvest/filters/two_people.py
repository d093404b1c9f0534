"""People who stand by while somebody else moves: real, but of no use as examples of motion.

Judged within a shot, since alone a small motion may be all there is (somebody who only gestures).

Two people in one place of the picture: the pose network may read the joints of either.

Letters: T frames of a run, P other people, J 25 joints. Keypoints (T, 25, 3): x, y px, score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, iou_matrix, keypoint_boxes
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.filters.presets import Preset
from harvest.filters.tracks import Rejection, Run, motion
from harvest.tracking.track import Track

MOVES_MORE = 3.0
"""Somebody else must move this many times as much."""


@dataclass(frozen=True)
class Candidate:
    """A run that the filters of its own track let pass. `start` and `stop` are frames of the shot."""

    person: int
    run: Run
    start: int
    stop: int
    motion: float


def candidates_of(
    person: int, first: int, keypoints_TJ3: NDArray[np.float32], runs: Sequence[Run], preset: Preset
) -> list[Candidate]:
    """The runs of one person's track, which begins at frame `first` of the shot."""
    visible_TJ = keypoints_TJ3[:, :, 2] >= preset.visible_score
    return [
        Candidate(
            person, run, first + run.start, first + run.stop,
            motion(keypoints_TJ3[run.start : run.stop], visible_TJ[run.start : run.stop]),
        )
        for run in runs
    ]  # fmt: skip


def bystanders(found: Sequence[Candidate], preset: Preset) -> dict[tuple[int, int], Rejection]:
    """Rejections by (person, run's start): runs with less motion than the preset's, half of whose frames another
    person shares who moves MOVES_MORE times as much."""
    rejected = {}
    for each in found:
        if each.motion >= preset.bystander_motion:
            continue
        for other in found:
            shared = min(each.stop, other.stop) - max(each.start, other.start)
            if 2 * shared >= each.stop - each.start and other.motion >= MOVES_MORE * each.motion:
                run = each.run
                why = Rejection(run.start, run.stop, "bystander", each.motion, preset.bystander_motion)
                rejected[each.person, run.start] = why
                break
    return rejected


OVERLAP = 0.3
"""Of two boxes, intersection over union. On 14 films of people who cross, joints are wrong by 0.032 of the diagonal
where boxes do not touch, by 0.06 from 0.1 on and by 0.08 from 0.3 on."""
CLAIMED_JOINTS = 2
"""So many limb joints that two people claim are no chance meeting of hands; errors double there too."""
SAME_PLACE = 0.05
"""Of the person's diagonal."""

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
Keypoints = NDArray[np.float32]


def together(keypoints_TJ3: Keypoints, others: Sequence[Keypoints], visible_score: float) -> float:
    """Share of the frames in which somebody else's box overlaps by OVERLAP, or somebody else has CLAIMED_JOINTS limb
    joints in the same place. `others` are (T, 25, 3) in the same frames, zeros where they are not."""
    boxes_T4, here_T = keypoint_boxes(keypoints_TJ3, visible_score)
    if not here_T.any():
        return 0.0
    size = float(np.median(diagonals(boxes_T4[here_T])))
    close_T = np.zeros(len(keypoints_TJ3), dtype=bool)
    for other_TJ3 in others:
        theirs_T4, there_T = keypoint_boxes(other_TJ3, visible_score)
        for t in np.flatnonzero(here_T & there_T):
            close_T[t] |= bool(iou_matrix(boxes_T4[t : t + 1], theirs_T4[t : t + 1])[0, 0] >= OVERLAP)
        close_T |= _claimed(keypoints_TJ3[:, _LIMBS], other_TJ3[:, _LIMBS], visible_score, size) >= CLAIMED_JOINTS
    return float(close_T[here_T].mean())


def in_the_way(found: Sequence[Candidate], tracks: Sequence[Track], preset: Preset) -> dict[tuple[int, int], Rejection]:
    """Rejections by (person, run's start) of runs of which somebody else shares the place for too long. Both are
    rejected: whose joints are whose cannot be said of either."""
    if preset.max_together >= 1:
        return {}
    rejected = {}
    for each in found:
        mine = tracks[each.person]
        others = [_in_frames(track, each.start, each.stop) for i, track in enumerate(tracks) if i != each.person]
        run = each.run
        share = together(mine.keypoints[run.start : run.stop], others, preset.visible_score)
        if share > preset.max_together:
            rejected[each.person, run.start] = Rejection(run.start, run.stop, "together", share, preset.max_together)
    return rejected


def _in_frames(track: Track, start: int, stop: int) -> Keypoints:
    """(stop - start, 25, 3) a track's joints in these frames of the shot, zeros where it is not."""
    there = np.zeros((stop - start, 25, 3), dtype=np.float32)
    low, high = max(start, track.start), min(stop, track.end)
    if low < high:
        there[low - start : high - start] = track.keypoints[low - track.start : high - track.start]
    return there


def _claimed(mine: Keypoints, theirs: Keypoints, visible_score: float, size: float) -> NDArray[np.int64]:
    both = (mine[..., 2] >= visible_score) & (theirs[..., 2] >= visible_score)
    apart = np.hypot(*np.moveaxis(mine[..., :2] - theirs[..., :2], -1, 0))
    return np.asarray((both & (apart < SAME_PLACE * size)).sum(axis=1))
