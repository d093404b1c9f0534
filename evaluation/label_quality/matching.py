"""Matches labelled tracks to the true people of a film, and measures how far their joints are apart.

Letters as in people.py. Errors are parts of the diagonal of the true person's box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from body.boxes import diagonals, iou_matrix
from body.joints import KEYPOINTS_25, mirror_permutation
from evaluation.label_quality.people import LEAST_DIAGONAL_PX, Labelled, Track, Truth, joint_boxes

SAME = 0.3
"""Least overlap of the boxes of a label and its person; the noise model's own backend asks as much."""
_MIRROR = mirror_permutation(KEYPOINTS_25)


@dataclass(frozen=True)
class Judged:
    """One track matched to the truth. Frames that show no person have `who_T` -1 and count in no error."""

    track: Track
    who_T: NDArray[np.int64]
    offset_TJ2: NDArray[np.float64]
    """Label less truth, x and y."""
    exchanged_TJ: NDArray[np.float64]
    """Error of each joint if the track had left and right the other way round."""
    visible_TJ: NDArray[np.bool_]
    """Joints that truly show, of frames that show somebody."""

    @property
    def errors(self) -> NDArray[np.float64]:
        """Distance (T, J) of each joint from its true place, in diagonals of the person's box."""
        return np.asarray(np.hypot(self.offset_TJ2[..., 0], self.offset_TJ2[..., 1]))

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Joints (T, J) that have a score above 0, in observed frames that show a person."""
        known_T = (self.who_T >= 0) & self.track.observed_T
        return (self.track.joints_TJ3[..., 2] > 0) & known_T[:, None]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Joints (T, J) that errors are taken over: scored, and visible in truth."""
        return self.scored & self.visible_TJ


@dataclass(frozen=True)
class JudgedFilm:
    """All matched tracks of a film, with the number of person-frames that should be labelled and of those missed."""

    tracks: Sequence[Judged]
    person_frames: int
    missed: int
    false: int
    """Labelled frames of nobody."""
    identity_changes: int
    """How often a track goes on with somebody else."""


def judge(truth: Truth, labelled: Labelled) -> JudgedFilm:
    """Matches the labels and the people of each frame one to one, by the largest total overlap (IoU) of their boxes."""
    who = _assign(truth, labelled.tracks)
    labelled_PF = np.zeros_like(truth.present_PF)
    for track, who_T in zip(labelled.tracks, who, strict=True):
        matched_T = who_T >= 0
        labelled_PF[who_T[matched_T], track.frames_T[matched_T]] = True
    false = sum(int((track.observed_T & (who_T < 0)).sum()) for track, who_T in zip(labelled.tracks, who, strict=True))
    seen_PF = truth.seen
    return JudgedFilm(
        [_judged(truth, track, who_T) for track, who_T in zip(labelled.tracks, who, strict=True)],
        int(seen_PF.sum()), int((seen_PF & ~labelled_PF).sum()), false, sum(_changes(who_T) for who_T in who),
    )  # fmt: skip


def _assign(truth: Truth, tracks: Sequence[Track]) -> list[NDArray[np.int64]]:
    """(T) of each track: the person in each frame, or -1."""
    n_frames = len(truth.shots_F)
    boxes_PF4 = joint_boxes(truth.joints_PFJ3.reshape(-1, 25, 3)).reshape(-1, n_frames, 4)
    boxes = [joint_boxes(track.joints_TJ3) for track in tracks]
    who = [np.full(len(track.frames_T), -1, np.int64) for track in tracks]
    at_frame: dict[int, list[tuple[int, int]]] = {}
    for i, track in enumerate(tracks):
        for t in np.flatnonzero(track.observed_T).tolist():
            at_frame.setdefault(int(track.frames_T[t]), []).append((i, t))
    for f, here in at_frame.items():
        people = np.flatnonzero(truth.present_PF[:, f])
        overlap = iou_matrix(boxes_PF4[people, f], np.stack([boxes[i][t] for i, t in here]))
        for p, k in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[p, k] >= SAME:
                i, t = here[k]
                who[i][t] = people[p]
    return who


def _judged(truth: Truth, track: Track, who_T: NDArray[np.int64]) -> Judged:
    if not len(truth.joints_PFJ3):
        nothing = np.zeros((len(who_T), 25))
        return Judged(track, who_T, np.zeros((len(who_T), 25, 2)), nothing, nothing.astype(bool))
    true_TJ3 = truth.joints_PFJ3[np.maximum(who_T, 0), track.frames_T]
    size_T = np.maximum(diagonals(joint_boxes(true_TJ3)), LEAST_DIAGONAL_PX)
    offset = (track.joints_TJ3[..., :2] - true_TJ3[..., :2]) / size_T[:, None, None]
    other = (track.joints_TJ3[:, _MIRROR, :2] - true_TJ3[..., :2]) / size_T[:, None, None]
    exchanged = np.hypot(other[..., 0], other[..., 1])
    return Judged(track, who_T, offset, exchanged, (true_TJ3[..., 2] > 0) & (who_T >= 0)[:, None])


def _changes(who_T: NDArray[np.int64]) -> int:
    known = who_T[who_T >= 0]
    return int((np.diff(known) != 0).sum())
