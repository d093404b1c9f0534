"""Filters that compare the people of one shot, and the decision about all tracks of a shot.

A bystander hardly moves while somebody else does: a real person, but no example of motion. Alone, a small motion may
be all that a video shows, so it is judged beside others only. Where two people share one place of the picture, the pose
network may read the joints of either.

Letters: T frames of a run, P other people, J 25 joints. Keypoints are (T, 25, 3): x, y px, score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import iou_matrix, keypoint_boxes, person_size
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.filters.one_person import motion, posture_change
from harvest.filters.presets import Preset
from harvest.filters.tracks import Rejection, Run, clean
from harvest.tracking.track import Track

MOVES_MORE = 3.0
"""A bystander is somebody beside whom another person moves this many times as much."""
OVERLAP = 0.3
"""IoU of two people's boxes. On 14 films of people who cross, the mean joint error is 0.032 of the diagonal where boxes
do not touch, 0.06 from an IoU of 0.1 on and 0.08 from 0.3 on."""
CLAIMED_JOINTS = 2
"""From so many limb joints in the same place on, two people overlap and do not just touch hands; the joints' errors
double there as well."""
SAME_PLACE = 0.05
"""Distance of two joints in the same place, in parts of the person's diagonal."""

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
Keypoints = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A run that passed the filters of one person. `person` is the index of its track; `start` and `stop` are frames of
    the shot."""

    person: int
    run: Run
    start: int
    stop: int
    motion: float
    posture: float = float("inf")
    """How much the posture changes (`posture_change`)."""


def candidates_of(
    person: int, first: int, keypoints_TJ3: NDArray[np.float32], runs: Sequence[Run], preset: Preset
) -> list[Candidate]:
    """The runs of one person's track as candidates. The track begins at frame `first` of the shot."""
    visible_TJ = keypoints_TJ3[:, :, 2] >= preset.visible_score
    return [
        Candidate(
            person, run, first + run.start, first + run.stop,
            motion(keypoints_TJ3[run.start : run.stop], visible_TJ[run.start : run.stop]),
            posture_change(keypoints_TJ3[run.start : run.stop], visible_TJ[run.start : run.stop]),
        )
        for run in runs
    ]  # fmt: skip


def filter_shot(
    tracks: Sequence[Track],
    preset: Preset,
    rate: float,
    *,
    picture: tuple[int, int] | None,
    frozen_N: NDArray[np.bool_],
) -> list[tuple[list[Run], list[Rejection]]]:
    """For each track of a shot the runs that are kept and the rejections. `rate`: frames/s. `picture`: (width, height)
    px. `frozen_N`: frames of the shot in which the picture stands still."""
    cleaned = [
        clean(
            track.keypoints, track.observed, preset, rate, picture=picture, frozen_T=frozen_N[track.start : track.end]
        )
        for track in tracks
    ]
    candidates = [
        candidate
        for i, track in enumerate(tracks)
        for candidate in candidates_of(i, track.start, track.keypoints, cleaned[i][0], preset)
    ]
    refused = in_the_way(candidates, tracks, preset) | bystanders(candidates, preset)
    return [
        (
            [run for run in runs if (i, run.start) not in refused],
            [*rejected, *[why for (person, _), why in refused.items() if person == i]],
        )
        for i, (runs, rejected) in enumerate(cleaned)
    ]


def bystanders(candidates: Sequence[Candidate], preset: Preset) -> dict[tuple[int, int], Rejection]:
    """Rejections of bystanders by (person, run's start): runs with less motion, or less change of posture, than the
    preset's threshold, if another person is there in half of the frames and has MOVES_MORE times as much of it."""
    rejected = {}
    for quiet in candidates:
        others = [
            other
            for other in candidates
            if 2 * (min(quiet.stop, other.stop) - max(quiet.start, other.start)) >= quiet.stop - quiet.start
        ]
        for mine, theirs, threshold in (
            (quiet.motion, [other.motion for other in others], preset.bystander_motion),
            (
                quiet.posture,
                [other.posture for other in others if np.isfinite(other.posture)],
                preset.bystander_posture,
            ),
        ):
            if mine < threshold and max(theirs, default=0.0) >= MOVES_MORE * mine:
                run = quiet.run
                rejected[quiet.person, run.start] = Rejection(run.start, run.stop, "bystander", mine, threshold)
                break
    return rejected


def together(keypoints_TJ3: Keypoints, others: Sequence[Keypoints], visible_score: float) -> float:
    """Share of the frames in which another person's box overlaps by OVERLAP, or another person has CLAIMED_JOINTS limb
    joints in the same place. `others` are (T, 25, 3) in the same frames, zeros where that person is not there."""
    boxes_T4, here_T = keypoint_boxes(keypoints_TJ3, visible_score)
    if not here_T.any():
        return 0.0
    size = person_size(keypoints_TJ3, visible_score)
    close_T = np.zeros(len(keypoints_TJ3), dtype=bool)
    for other_TJ3 in others:
        theirs_T4, there_T = keypoint_boxes(other_TJ3, visible_score)
        for t in np.flatnonzero(here_T & there_T):
            close_T[t] |= bool(iou_matrix(boxes_T4[t : t + 1], theirs_T4[t : t + 1])[0, 0] >= OVERLAP)
        close_T |= _claimed(keypoints_TJ3[:, _LIMBS], other_TJ3[:, _LIMBS], visible_score, size) >= CLAIMED_JOINTS
    return float(close_T[here_T].mean())


def in_the_way(
    candidates: Sequence[Candidate], tracks: Sequence[Track], preset: Preset
) -> dict[tuple[int, int], Rejection]:
    """Rejections by (person, run's start) of runs in which another person is in the same place for too long. Both
    people are rejected, since nobody knows whose joints the network read."""
    if preset.max_together >= 1:
        return {}
    rejected = {}
    for candidate in candidates:
        run, person = candidate.run, candidate.person
        others = [_in_frames(track, candidate.start, candidate.stop) for i, track in enumerate(tracks) if i != person]
        share = together(tracks[person].keypoints[run.start : run.stop], others, preset.visible_score)
        if share > preset.max_together:
            rejected[person, run.start] = Rejection(run.start, run.stop, "together", share, preset.max_together)
    return rejected


def _in_frames(track: Track, start: int, stop: int) -> Keypoints:
    """(stop - start, 25, 3) keypoints of a track in these frames of the shot, zeros where it has none."""
    there = np.zeros((stop - start, 25, 3), dtype=np.float32)
    low, high = max(start, track.start), min(stop, track.end)
    if low < high:
        there[low - start : high - start] = track.keypoints[low - track.start : high - track.start]
    return there


def _claimed(mine: Keypoints, theirs: Keypoints, visible_score: float, size: float) -> NDArray[np.int64]:
    """(T) how many joints of two people lie in the same place."""
    both = (mine[..., 2] >= visible_score) & (theirs[..., 2] >= visible_score)
    apart = np.hypot(*np.moveaxis(mine[..., :2] - theirs[..., :2], -1, 0))
    return np.asarray((both & (apart < SAME_PLACE * size)).sum(axis=1))
