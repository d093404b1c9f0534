"""Finds and follows the people of one shot, frame by frame.

The detector costs twice as much as the pose network for one person. So it runs in a shot's first frame, in every k-th
frame and in the frames after somebody was lost. In the other frames each person's pose is read where the pose of the
frame before expects it. `box_from_keypoints` gives about the box that a detector would draw. A detector loses large,
clear people at any one size of its picture, so a backend may have a second one (`TwoLooks`).
Letters: P people of a frame, K joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import iou_matrix, suppress
from harvest.network_cache import CachedBackend
from harvest.tracking.track import (
    Expected,
    Linker,
    Observation,
    TrackConfig,
    clothes,
    keypoint_distance,
    limb_score,
)
from harvest.video.decode import Frame
from storage.labels.key import added_field


@dataclass(frozen=True)
class PeopleConfig:
    """When the detector runs, and what counts as a person."""

    detect_every: int = 4
    """Frames from one detection to the next. 1 detects in every frame and reads all poses of a batch at once."""
    start_score: float = 0.4
    """A detection with this score starts a track. On vtest.avi this finds 28 of 31 people with no false box."""
    keep_score: float = 0.25
    """A detection with this score confirms a followed person (two thresholds: ByteTrack, Zhang et al., ECCV 2022)."""
    visible_score: float = 0.3
    """A joint with this score counts as visible."""
    min_visible: int = 5
    """A pose with fewer visible joints than this is dropped."""
    same_person_iou: float = 0.45
    """A detection whose IoU with a followed person's box is at least this belongs to that person."""
    duplicate_distance: float = 0.1
    """Two poses whose joints are closer than this, in parts of the person's diagonal, are one person."""
    max_unconfirmed: int = 3
    """A followed person is dropped after so many detections in a row that did not confirm them."""
    sure_score: float = added_field(0.6, absent=2.0)
    """Unless the mean score of their limb joints is at least this: the detector is blind to some clear people, and the
    score of a pose decays by itself once the person is lost (docs/log/labels.md)."""
    second_look_every: int = added_field(4, absent=0)
    """Of so many detections one is made at the backend's other size of the picture, if it has one. So are a second one
    in a shot's first frame, and one for followed people whom two detections in a row did not confirm. 0: never."""
    second_start_score: float = added_field(0.5, absent=0.4)
    """As `start_score`, for the other size. At 416 px a score of 0.4 has five boxes of nobody on vtest.avi, 0.5 none:
    both sizes together find 30 of the 31 people."""


TWICE_IOU = 0.6
"""IoU of two detections of one person at two sizes of the picture: NanoDet's own for non-maximum suppression."""
_NEW_PERSON = np.zeros((25, 3), dtype=np.float32)


@dataclass(frozen=True)
class SearchArea:
    """Where the pose of one person is read in a frame."""

    box: NDArray[np.float32]
    """(4) x0 y0 x1 y1, px."""
    expected: NDArray[np.float32]
    """(25, 3) where the joints should be, x, y px and score; zeros for a new person."""
    score: float = 0.0
    """Of the detection; 0 if no detection confirms the person in this frame."""


class Observer:
    """Detects and follows the people of one shot and gives their poses to a linker."""

    def __init__(self, backend: CachedBackend, people: PeopleConfig, track: TrackConfig, rate: float) -> None:
        self._backend, self._config = backend, people
        self.linker = Linker(track, rate)
        self._since_detection = self._detections = 0
        self._n = 0

    def push(self, frames: Sequence[Frame]) -> None:
        """The next frames of the shot, in order."""
        if self._config.detect_every == 1:
            self._push_batch(frames)
            return
        for frame in frames:
            self._push_one(frame)

    def _push_batch(self, frames: Sequence[Frame]) -> None:
        """Detect in every frame. No frame depends on the one before, so the networks get whole batches."""
        boxes = [self._at_least(self._config.keep_score, boxes_P5) for boxes_P5 in self._backend.people(frames)]
        poses = self._backend.pose(frames, [boxes_P5[:, :4] for boxes_P5 in boxes])
        for frame, boxes_P5, poses_P253 in zip(frames, boxes, poses, strict=True):
            self._link(poses_P253, boxes_P5[:, 4].tolist(), frame, detected=True)

    def _push_one(self, frame: Frame) -> None:
        expected = self.linker.expected()
        detecting = self._n == 0 or self._since_detection + 1 >= self._config.detect_every or self.linker.someone_lost
        self._since_detection = 0 if detecting else self._since_detection + 1
        if detecting:
            areas = self._merge(self._detect(frame, expected), expected)
        else:
            areas = [SearchArea(person.box, person.keypoints) for person in expected]
        self._link(self._pose(frame, areas), [area.score for area in areas], frame, detected=detecting)

    def _detect(self, frame: Frame, expected: Sequence[Expected]) -> NDArray[np.float32]:
        """(P, 5) detections at one size of the picture, or at both (`second_look_every`)."""
        every = self._config.second_look_every if self._backend.has_second_look else 0
        turn = 2 if self.linker.someone_lost and every > 1 else every
        again = every > 0 and self._detections % turn == 1 % turn
        self._detections += 1
        detections_P5 = self._look(frame, again=again)
        missed = any(
            person.unconfirmed > 0 and not self._is_same(person.box, detections_P5).any() for person in expected
        )
        if every and (self._n == 0 or missed):
            both_P5 = np.concatenate([detections_P5, self._look(frame, again=not again)])
            detections_P5 = both_P5[suppress(both_P5[:, :4], both_P5[:, 4], TWICE_IOU)]
        return detections_P5

    def _look(self, frame: Frame, *, again: bool) -> NDArray[np.float32]:
        """(P, 5) detections at one size. Whom the other size sees too weakly for a start gets less than `start_score`,
        which can only confirm a followed person."""
        boxes_P5 = self._at_least(self._config.keep_score, self._backend.people([frame], again=again)[0])
        if again:
            weak_P = boxes_P5[:, 4] < self._config.second_start_score
            boxes_P5[weak_P, 4] = np.minimum(boxes_P5[weak_P, 4], np.nextafter(np.float32(self._config.start_score), 0))
        return boxes_P5

    def _is_same(self, box_4: NDArray[np.float32], detections_P5: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(iou_matrix(box_4[None], detections_P5)[0] >= self._config.same_person_iou)

    def _pose(self, frame: Frame, areas: Sequence[SearchArea]) -> NDArray[np.float32]:
        """(P, 25, 3) x, y px and score."""
        if not areas:
            return np.zeros((0, 25, 3), dtype=np.float32)
        boxes_P4 = np.stack([area.box for area in areas]).astype(np.float32)
        expected_P253 = np.stack([area.expected for area in areas]).astype(np.float32)
        return np.asarray(self._backend.pose([frame], [boxes_P4], [expected_P253])[0])

    def _at_least(self, score: float, boxes_P5: NDArray[np.float32]) -> NDArray[np.float32]:
        boxes_P5 = np.asarray(boxes_P5, dtype=np.float32).reshape(-1, 5)
        return boxes_P5[boxes_P5[:, 4] >= score]

    def _merge(self, detections_P5: NDArray[np.float32], expected: Sequence[Expected]) -> list[SearchArea]:
        """First the followed people, then the detections of new ones. A followed person is sought in their own box,
        which is steadier than the detector's, and dropped if unconfirmed too often without a sure pose."""
        areas: list[SearchArea] = []
        known_P = np.zeros(len(detections_P5), dtype=bool)
        for person in expected:
            same_P = self._is_same(person.box, detections_P5)
            known_P |= same_P
            is_sure = limb_score(person.keypoints) >= self._config.sure_score
            if same_P.any() or is_sure or person.unconfirmed < self._config.max_unconfirmed:
                score = float(detections_P5[same_P, 4].max(initial=0.0))
                areas.append(SearchArea(person.box, person.keypoints, score))
        for detection_5 in detections_P5[~known_P]:
            if detection_5[4] >= self._config.start_score or self._was_lost(detection_5):
                areas.append(SearchArea(detection_5[:4], _NEW_PERSON, float(detection_5[4])))
        return areas

    def _was_lost(self, detection_5: NDArray[np.float32]) -> bool:
        lost = self.linker.lost_boxes()
        if not lost:
            return False
        return bool(iou_matrix(detection_5[None, :4], np.stack(lost)).max() >= self._config.same_person_iou)

    def _link(self, poses_P253: NDArray[np.float32], scores: Sequence[float], frame: Frame, *, detected: bool) -> None:
        """Give the frame's people to the linker. `scores`: of each person's detection, 0 without one."""
        people = []
        for pose, score in zip(poses_P253, scores, strict=True):
            box_5 = box_from_keypoints(pose, min_score=self._config.visible_score, min_joints=self._config.min_visible)
            if box_5 is not None:
                may_start = score >= self._config.start_score
                people.append(Observation(box_5[:4], pose, float(box_5[4]), confirmed=score > 0, may_start=may_start,
                                          colours=clothes(frame.pixels_HW3, pose)))  # fmt: skip
        self.linker.step(self._deduplicate(people), detected=detected)
        self._n += 1

    def _deduplicate(self, people: Sequence[Observation]) -> list[Observation]:
        """Of two poses in the same place keep the confirmed one, else the one with the higher score: the poses of two
        followed people can slide onto one of them."""
        kept: list[Observation] = []
        for person in sorted(people, key=lambda person: (not person.confirmed, -person.score)):
            if all(keypoint_distance(person, other) > self._config.duplicate_distance for other in kept):
                kept.append(person)
        return kept


MARGIN_LOW = np.array([0.05, 0.085])
MARGIN_HIGH = np.array([0.05, 0.025])
"""Margins left and top, right and bottom, in parts of the longer side of the joints' box."""


def box_from_keypoints(keypoints_K3: np.ndarray, *, min_score: float = 0.3, min_joints: int = 6) -> np.ndarray | None:
    """(5,) float32: x0 y0 x1 y1 px and the mean score of the joints that show; None if fewer than `min_joints` do.

    Joints end below the skull's top and inside the flesh: the margins are medians against the embedded detector's
    boxes on pose_squats.mp4 and 110 people of vtest.avi.
    """
    seen = keypoints_K3[keypoints_K3[:, 2] >= min_score]
    if len(seen) < min_joints:
        return None
    low, high = seen[:, :2].min(0), seen[:, :2].max(0)
    side = float((high - low).max())
    low, high = low - side * MARGIN_LOW, high + side * MARGIN_HIGH
    return np.array([*low, *high, seen[:, 2].mean()], np.float32)
