"""Links people from frame to frame into tracks (tracking by detection), for one shot.

Each frame has two assignments (Hungarian algorithm). The first links tracks and people by box IoU and keypoint
distance. The second links tracks that were lost in an earlier frame to the people who are left, by the last box. A
track survives a short gap; its frames in the gap are marked as not observed and hold no joints.
Letters: J joints, P people of a frame, K tracks, T frames of a track.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from body.boxes import iou_matrix
from body.joints import KEYPOINTS_25, LIMBS_12, indices

T = TypeVar("T", bound=np.generic)

JOINTS = 25
_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_VISIBLE_SCORE = 0.3
_FORBIDDEN_COST = 1e6


@dataclass(frozen=True)
class TrackConfig:
    """When a person and a track are linked. The cost of a link lies between 0 (same place) and 1."""

    max_gap_s: float = 0.4
    """A track survives a gap of so many seconds. HMMR's demo bridges ten frames at 25 fps."""
    max_cost: float = 0.7
    """A link that costs more is not made."""
    keypoint_scale: float = 0.35
    """A median joint distance of this part of the person's diagonal has the cost 1."""
    again_iou: float = 0.3
    """A person without a link continues a lost track if their box and its last box have at least this IoU: the joints
    are often wrong shortly before a person is hidden (recovery and threshold of OC-SORT, Cao et al., CVPR 2023)."""


@dataclass(frozen=True)
class Observation:
    """A person in one frame."""

    box: NDArray[np.float32]
    """(4) x0 y0 x1 y1 px around the whole person, from its joints."""
    keypoints: NDArray[np.float32]
    """(25, 3) x, y px, score."""
    score: float
    """Mean score of the visible joints."""
    confirmed: bool
    """Whether the detector saw this person in this frame."""
    may_start: bool
    """Whether the detection's score is high enough to start a track."""


@dataclass(frozen=True)
class Expected:
    """Where a followed person should be in the next frame."""

    unconfirmed: int
    """Detections in a row that did not confirm this person."""
    box: NDArray[np.float32]
    """(4) x0 y0 x1 y1, px."""
    keypoints: NDArray[np.float32]
    """(25, 3) x, y px, score."""


class Track:
    """One person through a shot. Frame n of the shot is entry n - start of the arrays."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        """One past the last frame in which the person was observed."""
        self.unconfirmed = 0
        """Detections in a row that did not confirm this person."""
        self._velocity = np.zeros(2, dtype=np.float32)
        self.box = np.zeros(4, dtype=np.float32)
        """(4) px, of the last frame in which the person was observed."""
        self._keypoints = np.zeros((16, JOINTS, 3), dtype=np.float32)
        self._observed = np.zeros(16, dtype=bool)

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(T, 25, 3) x, y in px, score; zeros in bridged frames."""
        return self._keypoints[: self.end - self.start]

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(T) False in bridged frames."""
        return self._observed[: self.end - self.start]

    def add(self, n: int, seen: Observation) -> None:
        """Append the person as observed in frame n. Frames since the last observation become bridged."""
        while n - self.start >= len(self._observed):
            self._keypoints, self._observed = _enlarged(self._keypoints), _enlarged(self._observed)
        if self.end > self.start:
            step = (_centre(seen.box) - _centre(self.box)) / np.float32(n - self.end + 1)
            self._velocity = ((self._velocity + step) / 2).astype(np.float32)
        self._keypoints[n - self.start] = seen.keypoints
        self._observed[n - self.start] = True
        self.box, self.end = seen.box, n + 1

    def expected_box(self, n: int) -> NDArray[np.float32]:
        """(4) the last box, moved on to frame n at constant velocity."""
        return np.asarray(self.box + np.tile(self._moved(n), 2), dtype=np.float32)

    def expected_keypoints(self, n: int) -> NDArray[np.float32]:
        """(25, 3) the last keypoints, moved on to frame n at constant velocity."""
        last = self._keypoints[self.end - 1 - self.start]
        return np.asarray(last + np.append(self._moved(n), np.float32(0)), dtype=np.float32)

    def _moved(self, n: int) -> NDArray[np.float32]:
        return np.asarray(self._velocity * np.float32(n - self.end + 1), dtype=np.float32)


class Linker:
    """The tracks of one shot. Call `step` once a frame, then read `tracks`."""

    def __init__(self, config: TrackConfig, rate: float) -> None:
        self._config = config
        self.max_gap = max(1, round(config.max_gap_s * rate))
        self.tracks: list[Track] = []
        self._n = 0

    def alive(self) -> list[Track]:
        """Tracks whose gap so far is short enough to be bridged."""
        return [track for track in self.tracks if self._n - track.end <= self.max_gap]

    @property
    def someone_lost(self) -> bool:
        """Whether a track that may still go on was not observed in the last frame."""
        return any(track.end < self._n for track in self.alive())

    def expected(self) -> list[Expected]:
        """Where everybody who was observed in the last frame should be in the next."""
        return [
            Expected(track.unconfirmed, track.expected_box(self._n), track.expected_keypoints(self._n))
            for track in self.tracks
            if track.end == self._n
        ]

    def lost_boxes(self) -> list[NDArray[np.float32]]:
        """Where the boxes of recently lost tracks should be in the next frame."""
        return [track.expected_box(self._n) for track in self.alive() if track.end < self._n]

    def step(self, people: Sequence[Observation], *, detected: bool) -> None:
        """Link the people of the next frame. `detected`: whether the detector ran on that frame."""
        tracks = self.alive()
        links = self._match(tracks, people)
        links += self._match_lost(tracks, people, links)
        for i, j in links:
            tracks[i].unconfirmed = 0 if people[j].confirmed else tracks[i].unconfirmed + detected
            tracks[i].add(self._n, people[j])
        linked = {j for _, j in links}
        for j, person in enumerate(people):
            if j not in linked and person.may_start:
                self.tracks.append(Track(self._n))
                self.tracks[-1].add(self._n, person)
        self._n += 1

    def _match(self, tracks: Sequence[Track], people: Sequence[Observation]) -> list[tuple[int, int]]:
        if not tracks or not people:
            return []
        cost_KP = self._cost(tracks, people)
        rows, columns = _cheapest_pairs(np.where(cost_KP > self._config.max_cost, _FORBIDDEN_COST, cost_KP))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(i, j) for i, j in pairs if cost_KP[i, j] <= self._config.max_cost]

    def _match_lost(
        self, tracks: Sequence[Track], people: Sequence[Observation], links: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Re-link tracks that were lost in an earlier frame, by their last box alone. A track that is missed for the
        first time in this frame is left out, so that nobody who appears beside the person takes it over."""
        linked = {i for i, _ in links}
        left = [i for i, track in enumerate(tracks) if i not in linked and track.end < self._n]
        new = sorted(set(range(len(people))) - {j for _, j in links})
        if not left or not new:
            return []
        overlap = iou_matrix(np.stack([tracks[i].box for i in left]), np.stack([people[j].box for j in new]))
        pairs = zip(*(indices.tolist() for indices in _cheapest_pairs(-overlap)), strict=True)
        return [(left[i], new[j]) for i, j in pairs if overlap[i, j] >= self._config.again_iou]

    def _cost(self, tracks: Sequence[Track], people: Sequence[Observation]) -> NDArray[np.float64]:
        expected = np.stack([track.expected_box(self._n) for track in tracks])
        overlap = iou_matrix(expected, np.stack([person.box for person in people]))
        joints = [track.expected_keypoints(self._n) for track in tracks]
        apart = np.array([[_distance(joints_J3, person.keypoints) for person in people] for joints_J3 in joints])
        return np.asarray(0.5 * (1 - overlap) + 0.5 * np.clip(apart / self._config.keypoint_scale, 0, 1))


def _cheapest_pairs(cost_KP: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the assignment with the least sum of costs."""
    from scipy.optimize import linear_sum_assignment  # imported late: a fifth of a second of each process's start

    rows, columns = linear_sum_assignment(cost_KP)
    return rows, columns


def keypoint_distance(a: Observation, b: Observation) -> float:
    """Median distance of the joints that both people show, in parts of their mean diagonal; 1 if these are fewer than
    three."""
    return _distance(a.keypoints, b.keypoints)


def limb_score(keypoints_J3: NDArray[np.float32]) -> float:
    """Mean score of the limb joints of one pose (25, 3)."""
    return float(keypoints_J3[_LIMBS, 2].mean())


def _distance(a_J3: NDArray[np.float32], b_J3: NDArray[np.float32]) -> float:
    both = (a_J3[:, 2] >= _VISIBLE_SCORE) & (b_J3[:, 2] >= _VISIBLE_SCORE)
    if both.sum() < 3:
        return 1.0
    a, b = a_J3[both, :2], b_J3[both, :2]
    size = (np.hypot(*np.ptp(a, axis=0)) + np.hypot(*np.ptp(b, axis=0))) / 2
    return float(np.median(np.hypot(*(a - b).T)) / max(size, 1.0))


def _enlarged(rows: NDArray[T]) -> NDArray[T]:
    wide = np.zeros((len(rows) * 3 // 2, *rows.shape[1:]), rows.dtype)
    wide[: len(rows)] = rows
    return wide


def _centre(box: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((box[:2] + box[2:]) / 2, dtype=np.float32)
