import math

from body.joints import KEYPOINTS_25
from dashboard.skeleton import BONES_LEFT, BONES_MIDDLE, BONES_RIGHT, read_points, skeleton


def test_bones_join_the_sides_they_are_named_for() -> None:
    assert all(KEYPOINTS_25[slot].startswith("right_") for bone in BONES_RIGHT for slot in bone)
    assert all(KEYPOINTS_25[slot].startswith("left_") for bone in BONES_LEFT for slot in bone)
    mirror = {a: KEYPOINTS_25.index(n.replace("right_", "left_")) for a, n in enumerate(KEYPOINTS_25) if "right_" in n}
    assert {(mirror[a], mirror[b]) for a, b in BONES_RIGHT} == set(BONES_LEFT)
    sides = [tuple(KEYPOINTS_25[slot].split("_")[0] for slot in bone) for bone in BONES_MIDDLE]
    assert sides == [("right", "left"), ("right", "left"), ("neck", "head"), ("neck", "nose")]


def test_joints_that_were_not_seen_are_not_drawn() -> None:
    row = [10.0, 20.0, 0.0] * 25
    row[3 * 2 : 3 * 2 + 3] = [5.0, 5.0, 0.5]
    row[3 * 1 : 3 * 1 + 3] = [math.nan, 5.0, 0.5]
    assert [slot for slot, point in enumerate(read_points(row)) if point] == [2]
    assert skeleton(row).count("<circle") == 1
    assert "<line" not in skeleton(row)
    assert "no joint" in skeleton([0.0] * 75)


def test_a_drawing_stays_inside_its_frame() -> None:
    row = [value for slot in range(25) for value in (1e5 * slot, 300.0 - slot, 1.0)]
    drawn = skeleton(row, size=96)
    places = [float(part.split('"')[1]) for part in drawn.split("c") if part.startswith(("x=", "y="))]
    assert places
    assert all(0 <= place <= 96 for place in places)
