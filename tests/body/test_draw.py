import numpy as np
import pytest

from body.draw import BONES, LEFT, MIDDLE, RIGHT, draw_skeleton, side_colour
from body.joints import KEYPOINTS_25

GREY = np.full((200, 300, 3), 90, np.uint8)


def _spread() -> np.ndarray:
    """25 joints on a grid, all seen."""
    grid = np.stack(np.meshgrid(np.arange(5) * 55 + 30, np.arange(5) * 38 + 20), -1).reshape(25, 2)
    return np.column_stack([grid, np.ones(25)])


def test_every_joint_has_the_colour_of_its_side() -> None:
    points = _spread()
    picture = draw_skeleton(GREY, points)
    for name, (x, y, _) in zip(KEYPOINTS_25, points.astype(int), strict=True):
        wanted = LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE
        alone = points * np.where(np.array(KEYPOINTS_25) == name, 1, np.nan)[:, None]
        assert tuple(draw_skeleton(GREY, alone)[y, x]) == wanted
    assert (GREY == 90).all()
    assert (picture != GREY).any()


def test_unseen_joints_and_their_bones_are_left_out() -> None:
    points = _spread()
    for hide in (np.nan, 0.1):
        hidden = points.copy()
        hidden[:, 2 if hide == 0.1 else 0] = hide
        assert np.array_equal(draw_skeleton(GREY, hidden), GREY)


def test_points_far_outside_the_picture_do_no_harm() -> None:
    points = _spread()
    points[3, :2] = (1e9, -1e9)
    assert draw_skeleton(GREY, points).shape == GREY.shape


def test_every_joint_has_a_bone_and_sides_do_not_mix() -> None:
    assert {name for bone in BONES for name in bone} == set(KEYPOINTS_25)
    assert side_colour("neck", "left_shoulder") == LEFT
    assert side_colour("left_hip", "right_hip") == MIDDLE


def test_a_skeleton_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="25"):
        draw_skeleton(GREY, np.zeros((17, 3)))
