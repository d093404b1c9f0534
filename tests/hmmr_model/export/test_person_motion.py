"""The arrays of a person agree with each other, with the body model and with the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from body.cameras import perspective
from body.joints import KEYPOINTS_25, indices
from body.model import BodyModel
from body.open24 import OPEN24_FILE
from body.smpl_file import read_body

HIPS = indices(["left_hip", "right_hip"], KEYPOINTS_25)


def test_the_body_model_with_these_arrays_gives_these_joints(make_person, body: BodyModel) -> None:
    now = make_person().now
    _, joints = body(*(torch.from_numpy(x) for x in (now.rotations, now.betas, now.translation)))
    np.testing.assert_allclose(now.joints, joints.numpy(), atol=1e-6)


def test_a_body_whose_pelvis_is_not_its_origin_stands_in_the_same_place(make_person, tmp_path: Path) -> None:
    arrays = read_body(OPEN24_FILE)
    moved = BodyModel(replace(arrays, v_template=arrays.v_template + np.array([0, -0.24, 0.03])))
    a, b = make_person().now, make_person(of=moved).now
    np.testing.assert_allclose(a.joints, b.joints, atol=1e-5)
    assert np.abs(a.translation - b.translation).max() > 0.2


def test_keypoints_3d_are_where_the_pelvis_is(make_person) -> None:
    now = make_person().now
    assert np.linalg.norm(now.keypoints_3d[:, HIPS].mean(1) - now.joints[:, 0], axis=-1).max() < 0.2


def test_full_perspective_shows_the_person_where_the_crop_has_it(make_person) -> None:
    person = make_person()
    centre = torch.tensor(person.geometry.centre)
    pelvis = perspective(torch.from_numpy(person.now.joints[:, :1]), person.geometry.focal, centre).numpy()
    t = np.arange(20)
    box_x0, camera = 60 + 2 * t, person.now.camera
    expected_x = box_x0 + (camera[:, 0] * camera[:, 1] + 1) / 2 * 200
    np.testing.assert_allclose(pelvis[:, 0, 0], expected_x, atol=1e-3)
    points = perspective(torch.from_numpy(person.now.keypoints_3d), person.geometry.focal, centre).numpy()
    # Perspective and weak perspective part by depth within the body over distance, here about 0.3 m of 4.5 m.
    assert np.abs(points - person.now.keypoints_2d).max() < 15


def test_poses_are_the_rotations_as_axis_angle(make_person) -> None:
    now = make_person().now
    again = Rotation.from_rotvec(now.poses.reshape(-1, 3)).as_matrix().reshape(now.rotations.shape)
    np.testing.assert_allclose(again, now.rotations, atol=1e-5)


def test_time_is_the_streams_own(make_person) -> None:
    pts = np.array([100, 612, 1124, 2148])
    np.testing.assert_allclose(make_person(4, pts=pts).seconds, [0, 0.04, 0.08, 0.16])


def test_past_and_future_stand_where_the_present_stands(make_person) -> None:
    person = make_person()
    for pose in (person.past, person.future):
        np.testing.assert_allclose(pose.joints[:, 0], person.now.joints[:, 0], atol=1e-6)
        assert np.abs(pose.joints - person.now.joints).max() > 0.1


def test_a_photograph_takes_the_hallucinator(make_person) -> None:
    photo, video = make_person(1), make_person(2)
    for name, shift in (("now", 1), ("past", -4), ("future", 4)):
        assert not np.allclose(getattr(photo, name).rotations[0], getattr(video, name).rotations[0]), shift
