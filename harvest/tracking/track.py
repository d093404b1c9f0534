"""Links people from frame to frame: one assignment a frame by box overlap and keypoint distance, and one of those whom
it leaves over by their last boxes.

Fresh for each shot. A person who is not seen for a short while keeps their track; the frames between are marked
as not observed and hold no joints. Letters: J joints, P people, K tracks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from body.boxes import iou_matrix

T = TypeVar("T", bound=np.generic)

JOINTS = 25
_SURE = 0.3
_FORBIDDEN = 1e6


@dataclass(frozen=True)
class TrackConfig:
    """Costs are 0 (same place) to 1."""

    max_gap_s: float = 0.4
    """HMMR's demo bridges ten frames at 25 fps."""
    max_cost: float = 0.7
    """Links above this are not made."""
    keypoint_scale: float = 0.35
    """A median joint distance of this part of the person's diagonal counts as fully elsewhere."""
    again_iou: float = 0.3
    """Somebody without a link whose box overlaps the last one of a track without a link by this goes on with it: before
    people hide each other their joints are often wrong (recovery and threshold of OC-SORT, Cao et al., CVPR 2023)."""


@dataclass(frozen=True)
class Observation:
    """A person in one frame."""

    box: NDArray[np.float32]
    """(4) x0 y0 x1 y1 px around the whole person, from its joints."""
    keypoints: NDArray[np.float32]
    """(25, 3) x, y px, score."""
    score: float
    confirmed: bool
    """A detector saw this person in this frame; False: only followed."""
    may_start: bool
    """The detector is sure enough to begin a track with it."""


@dataclass(frozen=True)
class Expected:
    """A followed person in a frame that nobody has looked at yet."""

    unconfirmed: int
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    """(25, 3)"""


class Track:
    """One person through a shot. Frame n of the shot is entry n - start. Arrays grow by half."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        """One past the last frame in which the person was observed."""
        self.unconfirmed = 0
        """Detections in a row that did not see this person."""
        self._velocity = np.zeros(2, dtype=np.float32)
        self.box = np.zeros(4, dtype=np.float32)
        """(4) of the last frame in which the person was observed."""
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
        """The person is seen in frame n; frames since the last are bridged."""
        while n - self.start >= len(self._observed):
            self._keypoints, self._observed = _grown(self._keypoints), _grown(self._observed)
        if self.end > self.start:
            step = (_centre(seen.box) - _centre(self.box)) / np.float32(n - self.end + 1)
            self._velocity = ((self._velocity + step) / 2).astype(np.float32)
        self._keypoints[n - self.start] = seen.keypoints
        self._observed[n - self.start] = True
        self.box, self.end = seen.box, n + 1

    def expected_box(self, n: int) -> NDArray[np.float32]:
        """Where its box should be in frame n: the last one, moved on by its steady motion."""
        return np.asarray(self.box + np.tile(self._moved(n), 2), dtype=np.float32)

    def expected_keypoints(self, n: int) -> NDArray[np.float32]:
        """Its last joints, moved on likewise."""
        last = self._keypoints[self.end - 1 - self.start]
        return np.asarray(last + np.append(self._moved(n), np.float32(0)), dtype=np.float32)

    def _moved(self, n: int) -> NDArray[np.float32]:
        return np.asarray(self._velocity * np.float32(n - self.end + 1), dtype=np.float32)


class Linker:
    """Tracks of one shot. `step` once a frame, then `tracks`."""

    def __init__(self, config: TrackConfig, rate: float) -> None:
        self._config = config
        self.max_gap = max(1, round(config.max_gap_s * rate))
        self.tracks: list[Track] = []
        self._n = 0

    def alive(self) -> list[Track]:
        """Tracks that may still go on."""
        return [track for track in self.tracks if self._n - track.end <= self.max_gap]

    @property
    def someone_lost(self) -> bool:
        """Somebody was seen a short while ago and not in the last frame."""
        return any(track.end < self._n for track in self.alive())

    def expected(self) -> list[Expected]:
        """Everybody who was seen in the last frame, in the next."""
        return [
            Expected(track.unconfirmed, track.expected_box(self._n), track.expected_keypoints(self._n))
            for track in self.tracks
            if track.end == self._n
        ]

    def lost_boxes(self) -> list[NDArray[np.float32]]:
        """Boxes in the next frame of those who were lost a short while ago."""
        return [track.expected_box(self._n) for track in self.alive() if track.end < self._n]

    def step(self, people: Sequence[Observation], *, detected: bool) -> None:
        """The people of the next frame; `detected` says whether a detector looked at it."""
        tracks = self.alive()
        links = self._match(tracks, people)
        links += self._found_again(tracks, people, links)
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
        rows, columns = linear_sum_assignment(np.where(cost_KP > self._config.max_cost, _FORBIDDEN, cost_KP))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(i, j) for i, j in pairs if cost_KP[i, j] <= self._config.max_cost]

    def _found_again(
        self, tracks: Sequence[Track], people: Sequence[Observation], links: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Links of who was lost in an earlier frame, by the last box alone. Who is missed in this frame only keeps
        their track from whoever appears beside them."""
        linked = {i for i, _ in links}
        left = [i for i, track in enumerate(tracks) if i not in linked and track.end < self._n]
        new = sorted(set(range(len(people))) - {j for _, j in links})
        if not left or not new:
            return []
        overlap = iou_matrix(np.stack([tracks[i].box for i in left]), np.stack([people[j].box for j in new]))
        pairs = zip(*(each.tolist() for each in linear_sum_assignment(-overlap)), strict=True)
        return [(left[i], new[j]) for i, j in pairs if overlap[i, j] >= self._config.again_iou]

    def _cost(self, tracks: Sequence[Track], people: Sequence[Observation]) -> NDArray[np.float64]:
        expected = np.stack([track.expected_box(self._n) for track in tracks])
        overlap = iou_matrix(expected, np.stack([person.box for person in people]))
        joints = [track.expected_keypoints(self._n) for track in tracks]
        apart = np.array([[_distance(there, person.keypoints) for person in people] for there in joints])
        return np.asarray(0.5 * (1 - overlap) + 0.5 * np.clip(apart / self._config.keypoint_scale, 0, 1))


def keypoint_distance(a: Observation, b: Observation) -> float:
    """Median distance of joints that both have, over the mean diagonal of the two people; 1 if they share too few."""
    return _distance(a.keypoints, b.keypoints)


def _distance(a_J3: NDArray[np.float32], b_J3: NDArray[np.float32]) -> float:
    both = (a_J3[:, 2] >= _SURE) & (b_J3[:, 2] >= _SURE)
    if both.sum() < 3:
        return 1.0
    a, b = a_J3[both, :2], b_J3[both, :2]
    size = (np.hypot(*np.ptp(a, axis=0)) + np.hypot(*np.ptp(b, axis=0))) / 2
    return float(np.median(np.hypot(*(a - b).T)) / max(size, 1.0))


def _grown(rows: NDArray[T]) -> NDArray[T]:
    wide = np.zeros((len(rows) * 3 // 2, *rows.shape[1:]), rows.dtype)
    wide[: len(rows)] = rows
    return wide


def _centre(box: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((box[:2] + box[2:]) / 2, dtype=np.float32)
