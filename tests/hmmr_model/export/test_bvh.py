"""BVH out and in again: by our reader, and by one written here in the plainest way."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24
from body.model import BodyModel
from body.motion.bvh import read_bvh, read_bvh_skeleton
from hmmr_model.export.bvh import write_bvh

Y_UP = np.array([1.0, -1, -1])


def plainly_read(text: str) -> tuple[list[str], np.ndarray]:
    """Names and positions (T, J, 3) of the joints, straight from the format's definition, one frame at a time."""
    head, motion = text.split("MOTION")
    names, parents, offsets, stack = [], [], [], []
    for word, rest in re.findall(r"(ROOT|JOINT|End|OFFSET|\})(.*)", head):
        if word in ("ROOT", "JOINT", "End"):
            names.append(rest.strip() if word != "End" else None)
            parents.append(stack[-1] if stack else None)
            stack.append(len(names) - 1)
        elif word == "OFFSET":
            offsets.append([float(x) for x in rest.split()])
        else:
            stack.pop()
    frames = []
    for line in motion.strip().splitlines()[2:]:
        numbers, world = iter(map(float, line.split())), []
        for name, parent, offset in zip(names, parents, offsets, strict=True):
            if parent is None:
                place, turn = np.array([next(numbers) for _ in range(3)]), Rotation.identity()
            else:
                place, turn = world[parent][0] + world[parent][1].apply(offset), world[parent][1]
            if name is not None:
                z, x, y = (next(numbers) for _ in range(3))
                for axis, angle in (("z", z), ("x", x), ("y", y)):
                    turn = turn * Rotation.from_euler(axis, angle, degrees=True)
            world.append((place, turn))
        frames.append([place for (place, _), name in zip(world, names, strict=True) if name])
    return [name for name in names if name], np.array(frames)


def expected(person) -> np.ndarray:
    return person.now.joints * Y_UP


def test_two_readers_find_the_joints_to_a_tenth_of_a_millimetre(make_person, body: BodyModel, tmp_path: Path) -> None:
    person = make_person(20)
    path = write_bvh(person, body, tmp_path / "motion_0.bvh")
    source = read_bvh_skeleton(path)
    x = source.pose()[1] / 100
    ours = np.stack([x[:, source.names.index(name)] for name in SMPL_24], axis=1)
    np.testing.assert_allclose(ours, expected(person), atol=1e-4)
    names, y = plainly_read(path.read_text())
    theirs = np.stack([y[:, names.index(name)] for name in SMPL_24], axis=1) / 100
    np.testing.assert_allclose(theirs, expected(person), atol=1e-4)


def test_rate_and_root_motion_are_there(make_person, body: BodyModel, tmp_path: Path) -> None:
    person = make_person(20)
    source = read_bvh_skeleton(write_bvh(person, body, tmp_path / "motion_0.bvh"))
    assert source.fps == pytest.approx(25)
    assert len(source.rotations) == 20
    way = np.linalg.norm(source.steps[-1, 0] - source.steps[0, 0]) / 100
    assert way == pytest.approx(np.linalg.norm(person.now.joints[-1, 0] - person.now.joints[0, 0]), abs=1e-4)
    assert way > 0.1


def test_our_own_reader_gives_the_same_pose_back(make_person, body: BodyModel, tmp_path: Path) -> None:
    person = make_person(20)
    motion = read_bvh(write_bvh(person, body, tmp_path / "motion_0.bvh"))
    # The reader lays the mean body's bones along this person's: a person of another shape has slightly other angles.
    angle = Rotation.from_matrix(
        (np.swapaxes(motion.rotations[:, 1:], -1, -2) @ person.now.rotations[:, 1:]).reshape(-1, 3, 3)
    ).magnitude()
    assert np.degrees(angle).max() < 3


def test_missing_frames_are_filled_in_because_a_bvh_is_even(make_person, body: BodyModel, tmp_path: Path) -> None:
    pts = 512 * np.array([0, 1, 2, 3, 6, 7])
    person = make_person(6, pts=pts)
    source = read_bvh_skeleton(write_bvh(person, body, tmp_path / "motion_0.bvh"))
    assert len(source.rotations) == 8
    x = source.pose()[1] / 100
    shown = np.stack([x[:, source.names.index(name)] for name in SMPL_24], axis=1)
    np.testing.assert_allclose(shown[[0, 1, 2, 3, 6, 7]], expected(person), atol=1e-4)


def test_a_photograph_becomes_past_present_and_future(make_person, body: BodyModel, tmp_path: Path) -> None:
    person = make_person(1)
    source = read_bvh_skeleton(write_bvh(person, body, tmp_path / "motion_0.bvh"))
    assert (len(source.rotations), source.fps) == (3, 5)
    x = source.pose()[1] / 100
    for t, pose in enumerate((person.past, person.now, person.future)):
        shown = np.stack([x[t, source.names.index(name)] for name in SMPL_24])
        np.testing.assert_allclose(shown, pose.joints[0] * Y_UP, atol=1e-4)


def test_angles_never_jump_by_a_turn(make_person, body: BodyModel, tmp_path: Path) -> None:
    text = write_bvh(make_person(20), body, tmp_path / "motion_0.bvh").read_text()
    rows = np.array([[float(x) for x in line.split()] for line in text.split("MOTION")[1].strip().splitlines()[2:]])
    assert np.abs(np.diff(rows[:, 3:], axis=0)).max() < 180


def test_people_of_a_clip_share_one_clock(make_person, body: BodyModel, tmp_path: Path) -> None:
    """Frame n of everybody's file is the same moment: who comes in later stands still until then."""
    late = replace(make_person(20, pts=1000 + 512 * np.arange(13, 33)), clock_start=1000)
    source = read_bvh_skeleton(write_bvh(late, body, tmp_path / "motion_1.bvh"))
    x = source.pose()[1] / 100
    shown = np.stack([x[:, source.names.index(name)] for name in SMPL_24], axis=1)
    assert len(shown) == 33
    np.testing.assert_allclose(shown[13:], expected(late), atol=1e-4)
    np.testing.assert_allclose(shown[:13], np.broadcast_to(shown[13], (13, 24, 3)), atol=1e-4)
