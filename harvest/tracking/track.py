"""Links people from frame to frame into tracks (tracking by detection), for one shot.

Each frame has two assignments (Hungarian algorithm). The first links tracks and people by box IoU and keypoint
distance. The second links tracks that were lost in an earlier frame to the people who are left, by the last box. A
new person who is where the steady motion of a lost one leads, in the same clothes, continues that one's track even
after a longer gap, such as a walk behind a pillar. Frames in a gap are marked as not observed and hold no joints.
Letters: J joints, P people of a frame, K tracks (of colours: parts of the body), T frames of a track.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from body.boxes import iou_matrix
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from storage.labels.key import added_field

T = TypeVar("T", bound=np.generic)

JOINTS = 25
STEADY_FRAMES = 25
"""Frames over which the steady motion of a person is measured."""
RETURN_SIZE = 2.0
"""Who continues a track after a longer gap is at most so many times as large, or as small, as the person was."""
COLOUR_SHARE = 0.1
"""Weight of a frame in the running mean of a track's colours."""
_TRUNK = indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"), KEYPOINTS_25)
_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
CLOTHES = (
    ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
)
"""Parts of the body by whose colours two people are told apart; a patch lies in the middle of each part's joints."""
PATCH = 0.06
"""Half the side of a patch, in parts of the larger side of the joints' box."""
_CLOTHES_SLOTS = [[KEYPOINTS_25.index(name) for name in names] for names in CLOTHES]
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
    return_gap_s: float = added_field(2.4, absent=0.0)
    """A new person continues a track that was lost for at most so long, if they are where its steady motion leads; 0:
    never. People stay out of sight behind the films' pillars for 1.7 to 2.2 s (docs/log/labels.md)."""
    return_distance: float = added_field(0.4)
    """How far from there they may be: this part of the person's size, ..."""
    return_way: float = added_field(0.25)
    """... and this part of the way that the steady motion makes in the gap."""
    other_clothes: float = added_field(40.0, absent=1000.0)
    """A lost track is not continued by a person whose clothes differ by more than this (`colours.difference`)."""
    split_clothes: float = added_field(30.0, absent=1000.0)
    """A pose whose clothes differ by more than this from its track's, and by less than half as much from another
    track's, does not continue its track: the pose network reads whoever is in front, so a row slides from one person to
    another."""


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
    colours: NDArray[np.float32] = field(default_factory=lambda: np.full((3, 3), np.nan, np.float32))
    """(3, 3) of the clothes (`clothes`); NaN where they are not known."""


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
        self.colours = np.full((3, 3), np.nan, np.float32)
        """(3, 3) of the person's clothes over the last second or so."""
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
        self.colours = blended(self.colours, seen.colours, COLOUR_SHARE)

    def join(self, later: "Track") -> None:
        """Go on with the frames of a track that begins after this one's last frame."""
        stop = later.end - self.start
        while stop > len(self._observed):
            self._keypoints, self._observed = _enlarged(self._keypoints), _enlarged(self._observed)
        self._keypoints[later.start - self.start : stop] = later.keypoints
        self._observed[later.start - self.start : stop] = later.observed
        self.box, self.end, self.unconfirmed = later.box, later.end, later.unconfirmed
        self._velocity, self.colours = later._velocity, later.colours

    @property
    def last_keypoints(self) -> NDArray[np.float32]:
        """(25, 3) of the last frame in which the person was observed."""
        return np.asarray(self._keypoints[self.end - 1 - self.start])

    def expected_box(self, n: int) -> NDArray[np.float32]:
        """(4) the last box, moved on to frame n at constant velocity."""
        return np.asarray(self.box + np.tile(self._moved(n), 2), dtype=np.float32)

    def expected_keypoints(self, n: int) -> NDArray[np.float32]:
        """(25, 3) the last keypoints, moved on to frame n at constant velocity."""
        last = self._keypoints[self.end - 1 - self.start]
        return np.asarray(last + np.append(self._moved(n), np.float32(0)), dtype=np.float32)

    def steady(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Where the middle of the trunk should be in frame n (2) px, its velocity (2) px a frame, and the size of the
        person in px.

        Median slopes (Theil-Sen estimator) and median size of the last STEADY_FRAMES frames: the last poses of a person
        who walks behind something shrink and stay at its edge.
        """
        first = max(self.start, self.end - STEADY_FRAMES) - self.start
        rows = first + np.flatnonzero(self.observed[first:])
        trunk_T2 = np.array([_trunk(joints_J3) for joints_J3 in self._keypoints[rows]])
        size = float(np.median([_extent(joints_J3) for joints_J3 in self._keypoints[rows]]))
        i, j = np.triu_indices(len(rows), 1)
        velocity = np.zeros(2)
        if len(rows) > 2:
            velocity = np.median((trunk_T2[j] - trunk_T2[i]) / (rows[j] - rows[i])[:, None], axis=0)
        start = np.median(trunk_T2 - velocity * rows[:, None], axis=0)
        return start + velocity * (n - self.start), velocity, size

    def _moved(self, n: int) -> NDArray[np.float32]:
        return np.asarray(self._velocity * np.float32(n - self.end + 1), dtype=np.float32)


class Linker:
    """The tracks of one shot. Call `step` once a frame, then read `tracks`."""

    def __init__(self, config: TrackConfig, rate: float) -> None:
        self._config = config
        self.short_gap = max(1, round(config.max_gap_s * rate))
        """Frames of the longest gap after which anybody near continues a track."""
        self.max_gap = max(self.short_gap, round(config.return_gap_s * rate))
        """Frames of the longest gap after which a track may go on."""
        self.tracks: list[Track] = []
        self._n = 0

    def alive(self) -> list[Track]:
        """Tracks that were observed at most `short_gap` frames ago."""
        return [track for track in self.tracks if self._n - track.end <= self.short_gap]

    @property
    def settled_until(self) -> int:
        """Frames of the shot before this one lie in no gap that a track may still bridge."""
        lost = [track.end for track in self.tracks if track.end < self._n <= track.end + self.max_gap]
        return min(lost, default=self._n)

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
        links = [(i, j) for i, j in links if not self._slid(tracks[i], people[j], tracks)]
        for i, j in links:
            tracks[i].unconfirmed = 0 if people[j].confirmed else tracks[i].unconfirmed + detected
            tracks[i].add(self._n, people[j])
        linked = {j for _, j in links}
        for j, person in enumerate(people):
            if j not in linked and person.may_start:
                self.tracks.append(Track(self._n))
                self.tracks[-1].add(self._n, person)
        self._join_returned()
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
        overlap *= [[not self._are_others(tracks[i], people[j].colours) for j in new] for i in left]
        pairs = zip(*(indices.tolist() for indices in _cheapest_pairs(-overlap)), strict=True)
        return [(left[i], new[j]) for i, j in pairs if overlap[i, j] >= self._config.again_iou]

    def _join_returned(self) -> None:
        """Join young tracks to the lost tracks whose people they show. The first poses of somebody who comes out from
        behind something are often wrong, so it is tried for as long as a track is young."""
        young = [track for track in self.tracks if track.end > self._n and self._n - track.start < self.short_gap]
        lost = [track for track in self.tracks if 0 < self._n - track.end <= self.max_gap]
        if not young or not lost or self._config.return_gap_s <= 0:
            return
        cost_KP = np.array([[self._return_cost(track, person) for person in young] for track in lost])
        for i, j in zip(*_cheapest_pairs(np.minimum(cost_KP, 2.0)), strict=True):
            if cost_KP[i, j] <= 1:
                lost[i].join(young[j])
                self.tracks.remove(young[j])

    def _slid(self, track: Track, person: Observation, tracks: Sequence[Track]) -> bool:
        """Whether a pose has slid from this track's person to another's: its clothes are others, and nearer to those of
        another track by half."""
        apart = difference(track.colours, person.colours)
        if not apart > self._config.split_clothes:
            return False
        return any(difference(other.colours, person.colours) < apart / 2 for other in tracks if other is not track)

    def _are_others(self, track: Track, colours_K3: NDArray[np.float32]) -> bool:
        return difference(track.colours, colours_K3) > self._config.other_clothes

    def _return_cost(self, track: Track, young: Track) -> float:
        """Distance of the person of a young track from where the lost track's steady motion leads, over what is
        allowed. inf if they differ in clothes or size, or were seen at the same time."""
        if track.end > young.start or self._are_others(track, young.colours):
            return float("inf")
        at, velocity, size = track.steady(self._n)
        joints_J3 = young.last_keypoints
        if not 1 / RETURN_SIZE <= _extent(joints_J3) / max(size, 1.0) <= RETURN_SIZE:
            return float("inf")
        way = float(np.hypot(*velocity)) * (self._n - track.end + 1)
        allowed = self._config.return_distance * size + self._config.return_way * way
        return float(np.hypot(*(_trunk(joints_J3) - at))) / max(allowed, 1e-6)

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


def limb_score(keypoints: NDArray[np.float32]) -> float:
    """Mean score of the limb joints of one pose (25, 3) or more (T, 25, 3); 0 of none."""
    return float(keypoints[..., _LIMBS, 2].mean()) if len(keypoints) else 0.0


def _distance(a_J3: NDArray[np.float32], b_J3: NDArray[np.float32]) -> float:
    both = (a_J3[:, 2] >= _VISIBLE_SCORE) & (b_J3[:, 2] >= _VISIBLE_SCORE)
    if both.sum() < 3:
        return 1.0
    a, b = a_J3[both, :2], b_J3[both, :2]
    size = (np.hypot(*np.ptp(a, axis=0)) + np.hypot(*np.ptp(b, axis=0))) / 2
    return float(np.median(np.hypot(*(a - b).T)) / max(size, 1.0))


def _trunk(joints_J3: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2) px: the mean place of shoulders and hips, or of all joints if the network gave none of these."""
    given_J = joints_J3[:, 2] > 0
    trunk = [joint for joint in _TRUNK if given_J[joint]]
    return np.asarray((joints_J3[trunk] if trunk else joints_J3[given_J])[:, :2].mean(axis=0), np.float64)


def _extent(joints_J3: NDArray[np.float32]) -> float:
    seen = joints_J3[joints_J3[:, 2] >= _VISIBLE_SCORE, :2]
    return float(np.hypot(*np.ptp(seen, axis=0))) if len(seen) else 1.0


def _enlarged(rows: NDArray[T]) -> NDArray[T]:
    wide = np.zeros((len(rows) * 3 // 2, *rows.shape[1:]), rows.dtype)
    wide[: len(rows)] = rows
    return wide


def _centre(box: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((box[:2] + box[2:]) / 2, dtype=np.float32)


def clothes(picture_HW3: NDArray[np.uint8], joints_J3: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, 3) mean colour of each part, L a b in steps of 255; NaN where a joint is not visible or out of the frame."""
    colours_K3 = np.full((len(CLOTHES), 3), np.nan, np.float32)
    seen = joints_J3[joints_J3[:, 2] >= _VISIBLE_SCORE, :2]
    if not len(seen):
        return colours_K3
    half = max(1, round(PATCH * float(np.ptp(seen, axis=0).max())))
    for k, slots in enumerate(_CLOTHES_SLOTS):
        if (joints_J3[slots, 2] < _VISIBLE_SCORE).any():
            continue
        x, y = joints_J3[slots, :2].mean(axis=0).round().astype(int).tolist()
        patch = picture_HW3[max(0, y - half) : max(0, y + half), max(0, x - half) : max(0, x + half)]
        if patch.size:
            mean = patch.reshape(-1, 3).mean(axis=0).astype(np.uint8)
            colours_K3[k] = cv2.cvtColor(mean[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return colours_K3


def difference(a_K3: NDArray[np.float32], b_K3: NDArray[np.float32]) -> float:
    """Mean distance of the parts whose colours are known of both; NaN if there is none."""
    apart_K = np.linalg.norm(a_K3 - b_K3, axis=1)
    known_K = np.isfinite(apart_K)
    return float(apart_K[known_K].mean()) if known_K.any() else float("nan")


def blended(old_K3: NDArray[np.float32], new_K3: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The old colours moved towards the new ones by a share; where only one is known, that one."""
    mixed = (1 - share) * old_K3 + share * new_K3
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(old_K3), old_K3, new_K3)).astype(np.float32)
