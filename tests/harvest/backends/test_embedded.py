"""The embedded backend as the harvest calls it: several frames, several people."""

from collections.abc import Callable

import numpy as np
import pytest

from body.boxes import iou_matrix
from body.joints import KEYPOINTS_25
from harvest.backends.blazepose import BlazePose, Reading
from harvest.backends.embedded import EmbeddedBackend
from harvest.backends.protocol import PoseBackend
from harvest.backends.roi import Crops
from harvest.tracking.people import box_from_keypoints

pytestmark = pytest.mark.usefixtures("embedded_weights")


def test_people_of_two_frames_keep_their_own_joints(
    pedestrian_frames: Callable[[set[int]], list[np.ndarray]],
) -> None:
    backend: PoseBackend = EmbeddedBackend()
    frames = pedestrian_frames({50, 500})
    blank = np.zeros_like(frames[0])
    boxes = backend.people([frames[0], blank, frames[1]])
    poses = backend.pose([frames[0], blank, frames[1]], boxes)
    assert [len(p) for p in poses] == [len(b) for b in boxes]
    assert len(boxes[0]) >= 5
    assert len(boxes[1]) == 0
    for found, joints in zip(boxes, poses, strict=True):
        for box, person in zip(found, joints, strict=True):
            hips = person[[KEYPOINTS_25.index("left_hip"), KEYPOINTS_25.index("right_hip")], :2].mean(0)
            assert (box[:2] < hips).all()
            assert (hips < box[2:4]).all()


def test_no_frames_and_no_people() -> None:
    backend = EmbeddedBackend()
    assert backend.pose([], []) == []
    assert backend.pose([np.zeros((9, 9, 3), np.uint8)], [np.zeros((0, 5))])[0].shape == (0, 25, 3)


def test_left_and_right_are_the_persons_own(squats: list[np.ndarray]) -> None:
    """She faces the camera: her left is on the picture's right."""
    backend = EmbeddedBackend()
    person = backend.pose(squats[:1], backend.people(squats[:1]))[0][0]
    for part in ("shoulder", "hip", "knee", "ankle", "eye"):
        assert person[KEYPOINTS_25.index(f"left_{part}"), 0] > person[KEYPOINTS_25.index(f"right_{part}"), 0]
    assert person[KEYPOINTS_25.index("nose"), 1] < person[KEYPOINTS_25.index("left_heel"), 1]


def test_following_box_is_about_the_detected_one(squats: list[np.ndarray]) -> None:
    backend = EmbeddedBackend()
    frames = squats[::13]
    boxes = backend.people(frames)
    followed = [box_from_keypoints(pose[0]) for pose in backend.pose(frames, boxes)]
    overlaps = [
        iou_matrix(box, follow[None])[0, 0] for box, follow in zip(boxes, followed, strict=True) if follow is not None
    ]
    assert len(overlaps) == len(frames)
    assert min(overlaps) > 0.75


def test_who_is_expected_needs_one_look(squats: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """She bends over: an upright crop is looked at twice, the crop around her joints of the frame before once, and both
    find the same joints."""
    looks: list[int] = []
    read = BlazePose.read

    def counting(self: BlazePose, frames: list[np.ndarray], crops: Crops) -> Reading:
        looks.append(len(frames))
        return read(self, frames, crops)

    monkeypatch.setattr(BlazePose, "read", counting)
    backend = EmbeddedBackend()
    boxes = [found[:1] for found in backend.people(squats[:16])]
    alone = [backend.pose([frame], [box])[0] for frame, box in zip(squats, boxes, strict=False)]
    twice = sum(looks)
    looks.clear()
    nobody = np.zeros((1, 25, 3), np.float32)
    followed = [
        backend.pose([frame], [box], [before])[0]
        for frame, box, before in zip(squats, boxes, [nobody, *alone[:-1]], strict=False)
    ]
    assert twice >= 22
    assert sum(looks) <= 18
    size = np.ptp(alone[0][0, :, :2], axis=0).max()
    apart = np.linalg.norm(np.stack(followed)[..., :2] - np.stack(alone)[..., :2], axis=-1)
    assert np.median(apart) < 0.01 * size
    np.testing.assert_array_equal(followed[0], alone[0])


def test_hints_are_each_persons_own(squats: list[np.ndarray]) -> None:
    """Somebody new beside somebody expected: their answers are those of one by one."""
    backend = EmbeddedBackend()
    frame, (box,) = squats[5], backend.people(squats[5:6])[0][:1]
    before = backend.pose(squats[4:5], [box[None]])[0]
    boxes, hints = np.stack([box, box]), np.concatenate([np.zeros_like(before), before])
    both = backend.pose([frame], [boxes], [hints])[0]
    np.testing.assert_array_equal(both[:1], backend.pose([frame], [boxes[:1]])[0])
    np.testing.assert_array_equal(both[1:], backend.pose([frame], [boxes[1:]], [before])[0])
    assert (both[0] != both[1]).any()


def test_following_box_needs_joints() -> None:
    keypoints = np.zeros((25, 3))
    keypoints[:5] = [10, 10, 0.9]
    assert box_from_keypoints(keypoints) is None
    keypoints[5] = [110, 210, 0.9]
    keypoints[6] = [999, 999, 0.1]
    np.testing.assert_allclose(box_from_keypoints(keypoints), [0, -7, 120, 215, 0.9], atol=1e-4)
