"""Who is where in one shot: people detected in some frames and followed through the rest, frame by frame.

The detector costs five times the pose network. So people are detected at a shot's start, in every k-th frame and
whenever somebody was lost; in between, each person's pose is sought where it was a frame ago.
Letters: P people of a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.boxes import iou_matrix
from harvest.backends.follow import box_from_keypoints
from harvest.backends.protocol import PoseBackend
from harvest.tracking.track import Expected, Linker, Observation, TrackConfig, keypoint_distance


@dataclass(frozen=True)
class PeopleConfig:
    """When to detect and what counts as a person seen."""

    detect_every: int = 4
    """Frames from one detection to the next; 1: every frame, all poses in one batch."""
    start_score: float = 0.4
    """A detection this sure starts a track. On vtest.avi this finds 28 of 31 people with no false box."""
    keep_score: float = 0.25
    """A detection this sure is enough for somebody who is being followed (ByteTrack's idea of two thresholds)."""
    visible_score: float = 0.3
    min_visible: int = 5
    """Fewer joints with visible_score than this is nobody."""
    same_person_iou: float = 0.45
    """A detection that overlaps a followed person by this is that person."""
    duplicate_distance: float = 0.1
    """Two poses closer than this (of their size) are one person."""
    max_unconfirmed: int = 3
    """A followed person that so many detections in a row did not see is gone."""


_NOBODY_KNOWN = np.zeros((25, 3), dtype=np.float32)


@dataclass(frozen=True)
class Place:
    """Where to look for one person in the next frame."""

    box: NDArray[np.float32]
    hint: NDArray[np.float32]
    """(25, 3) where the joints should be; zeros for somebody new."""
    score: float = 0.0
    """The detector's; 0 for who is only followed."""


class Observer:
    """Feeds a linker with what the backend sees, frame after frame of one shot."""

    def __init__(self, backend: PoseBackend, people: PeopleConfig, track: TrackConfig, rate: float) -> None:
        self._backend, self._config = backend, people
        self.linker = Linker(track, rate)
        self._since_detection = 0
        self._n = 0

    def push(self, frames: Sequence[NDArray[np.uint8]]) -> None:
        """The next frames of the shot, in order."""
        if self._config.detect_every == 1:
            self._push_batch(frames)
            return
        for pixels in frames:
            self._push_one(pixels)

    def _push_batch(self, frames: Sequence[NDArray[np.uint8]]) -> None:
        """Every frame detected: nothing depends on the frame before, so the networks get whole batches."""
        boxes = [self._at_least(self._config.keep_score, boxes_P5) for boxes_P5 in self._backend.people(frames)]
        poses = self._backend.pose(frames, [boxes_P5[:, :4] for boxes_P5 in boxes])
        for boxes_P5, poses_P253 in zip(boxes, poses, strict=True):
            self._link(poses_P253, boxes_P5[:, 4].tolist(), detected=True)

    def _push_one(self, pixels: NDArray[np.uint8]) -> None:
        expected = self.linker.expected()
        detecting = self._n == 0 or self._since_detection + 1 >= self._config.detect_every or self.linker.someone_lost
        self._since_detection = 0 if detecting else self._since_detection + 1
        if detecting:
            found_P5 = self._at_least(self._config.keep_score, self._backend.people([pixels])[0])
            places = self._merge(found_P5, expected)
        else:
            places = [Place(each.box, each.keypoints) for each in expected]
        self._link(self._pose(pixels, places), [place.score for place in places], detected=detecting)

    def _pose(self, pixels: NDArray[np.uint8], places: Sequence[Place]) -> NDArray[np.float32]:
        """(P, 25, 3)"""
        if not places:
            return np.zeros((0, 25, 3), dtype=np.float32)
        boxes_P4 = np.stack([place.box for place in places]).astype(np.float32)
        hints_P253 = np.stack([place.hint for place in places]).astype(np.float32)
        return np.asarray(self._backend.pose([pixels], [boxes_P4], [hints_P253])[0])

    def _at_least(self, score: float, boxes_P5: NDArray[np.float32]) -> NDArray[np.float32]:
        boxes_P5 = np.asarray(boxes_P5, dtype=np.float32).reshape(-1, 5)
        return boxes_P5[boxes_P5[:, 4] >= score]

    def _merge(self, found_P5: NDArray[np.float32], expected: Sequence[Expected]) -> list[Place]:
        """Where to look. A followed person's own box is steadier than the
        detector's, which only confirms it; unconfirmed too often, it goes. Detections of nobody known come after."""
        places: list[Place] = []
        known = np.zeros(len(found_P5), dtype=bool)
        for each in expected:
            same = iou_matrix(each.box[None], found_P5[:, :4])[0] >= self._config.same_person_iou
            known |= same
            if same.any() or each.unconfirmed < self._config.max_unconfirmed:
                places.append(Place(each.box, each.keypoints, float(found_P5[same, 4].max(initial=0.0))))
        for box_5 in found_P5[~known]:
            if box_5[4] >= self._config.start_score or self._was_lost(box_5):
                places.append(Place(box_5[:4], _NOBODY_KNOWN, float(box_5[4])))
        return places

    def _was_lost(self, box_5: NDArray[np.float32]) -> bool:
        lost = self.linker.lost_boxes()
        return bool(lost) and float(iou_matrix(box_5[None, :4], np.stack(lost)).max()) >= self._config.same_person_iou

    def _link(self, poses_P253: NDArray[np.float32], scores: Sequence[float], *, detected: bool) -> None:
        """Hand the frame's people to the linker; a detector score of 0 says that the person was only followed."""
        people = []
        for pose, score in zip(poses_P253, scores, strict=True):
            box_5 = box_from_keypoints(pose, min_score=self._config.visible_score, min_joints=self._config.min_visible)
            if box_5 is not None:
                sure = score >= self._config.start_score
                people.append(Observation(box_5[:4], pose, float(box_5[4]), confirmed=score > 0, may_start=sure))
        self.linker.step(self._deduplicate(people), detected=detected)
        self._n += 1

    def _deduplicate(self, people: Sequence[Observation]) -> list[Observation]:
        """Of two poses in one place the surer stays: two followed people can slide onto one."""
        kept: list[Observation] = []
        for each in sorted(people, key=lambda one: (not one.confirmed, -one.score)):
            if all(keypoint_distance(each, other) > self._config.duplicate_distance for other in kept):
                kept.append(each)
        return kept
