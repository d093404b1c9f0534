from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from body.cameras import perspective
from body.joints import KEYPOINTS_25, indices
from body.model import BodyModel
from body.open24 import OPEN24_FILE
from body.smpl_file import read_body
from hmmr_model.export.person_motion import PictureGeometry, people_of_lake
from hmmr_model.predict import Prediction
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

GEOMETRY = PictureGeometry(320, 240, Fraction(1, 12800))
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


def test_a_person_whose_keypoints_were_seen_stands_where_they_say(make_person) -> None:
    """The crop's camera says nothing of it here: the keypoints are those of somebody half a metre to the right."""
    first = make_person()
    centre = torch.tensor(first.geometry.centre)
    beside = first.now.keypoints_3d + np.float32([0.5, 0, 0])
    pixels = perspective(torch.from_numpy(beside), first.geometry.focal, centre).numpy()
    score = np.full((*pixels.shape[:2], 1), 0.75, np.float32)
    observed = np.arange(20) != 7
    person = make_person(keypoints=np.concatenate([pixels, score], axis=-1), observed=observed)
    moved = person.now.joints - first.now.joints
    np.testing.assert_allclose(moved, np.broadcast_to([0.5, 0, 0], moved.shape), atol=0.06)
    np.testing.assert_allclose(person.confidence, 0.75)
    assert np.flatnonzero(person.bridged).tolist() == [7]


def test_a_known_focal_length_moves_the_person_away_in_proportion(make_person) -> None:
    assumed, known = make_person(), make_person(geometry=replace(GEOMETRY, known_focal=800.0))
    np.testing.assert_allclose(known.now.joints[:, 0, 2], 2 * assumed.now.joints[:, 0, 2], rtol=1e-4)


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


def standing(tracklet_id: str, frames: int) -> Prediction:
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, 24, 1, 1))
    zeros = np.zeros((frames, 25, 3), np.float32)
    camera = np.tile(np.float32([0.9, 0, 0]), (frames, 1))
    return Prediction(tracklet_id, rotations, np.zeros((frames, 10), np.float32), camera, zeros)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three people of one video: two in its first shot, one in its second."""
    lake = Lake(tmp_path / "lake")
    source = source_name(0)
    box = np.tile(np.float32([10, 20, 110, 120]), (6, 1))
    places = [(1, 0), (0, 1), (0, 0)]
    rows = [
        tracklet_row(source, person, 6, shot_index=shot, boxes=box, label_key=f"k{shot}", time_base_den=1000)
        for shot, person in places
    ]
    lake.append("features", rows_to_table("features", [feature_row(row) for row in rows]))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return lake


def test_people_come_by_shot_and_person_with_the_videos_own_size_and_clock(lake: Lake, body: BodyModel) -> None:
    table = lake.read("tracklets", ["tracklet_id", "shot_index", "person_index"])
    rows = sorted(table.to_pylist(), key=lambda row: (row["shot_index"], row["person_index"]))
    wanted = [row["tracklet_id"] for row in rows]
    people = people_of_lake({name: standing(name, 6) for name in reversed(wanted)}, lake, body)
    assert [person.tracklet_id for person in people] == wanted
    assert (people[0].geometry.width, people[0].geometry.height) == (640, 360)
    assert people[0].geometry.time_base == Fraction(1, 1000)
    np.testing.assert_allclose(people[0].seconds, np.arange(6) * 0.512)


def test_only_what_was_predicted_is_there(lake: Lake, body: BodyModel) -> None:
    name = lake.read("tracklets", ["tracklet_id"]).column(0)[0].as_py()
    assert [person.tracklet_id for person in people_of_lake({name: standing(name, 6)}, lake, body)] == [name]
    assert people_of_lake({}, lake, body) == []
