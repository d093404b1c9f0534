"""Each measure is 0 for a good stretch and the share of what is wrong for a bad one."""

import numpy as np

from body.joints import KEYPOINTS_25
from harvest.filters.one_person import cut_off, too_fast, too_long


def _person(frames: int = 20) -> np.ndarray:
    keypoints = np.ones((frames, 25, 3), np.float32)
    keypoints[:, :, :2] = np.random.default_rng(0).uniform(100, 200, (25, 2))
    return keypoints


def test_a_good_stretch() -> None:
    person = _person()
    seen = person[:, :, 2] > 0
    assert too_fast(person, seen, 25) == too_long(person, seen) == 0


def test_each_fault_shows_in_its_share() -> None:
    person = _person()
    jumping = person.copy()
    jumping[10] += (100, 0, 0)
    assert too_fast(jumping, person[:, :, 2] > 0, 25) == 2 / 19
    longer = person.copy()
    longer[4, KEYPOINTS_25.index("left_wrist"), :2] += 500
    assert too_long(longer, person[:, :, 2] > 0) == 1 / (20 * 8)


def test_a_person_at_the_border_is_cut_off_in_the_frames_that_show_it() -> None:
    person = _person()
    assert cut_off(person, (400, 400), 1) == 0
    assert cut_off(person, None, 1) == 0
    knees = [KEYPOINTS_25.index("left_knee"), KEYPOINTS_25.index("right_knee")]
    person[:5, knees[0], 1] = 399
    person[:5, knees[1], 0] = -30
    person[5, knees[0], 0] = 2
    assert cut_off(person, (400, 400), 2) == 5 / 20
    assert cut_off(person, (400, 400), 1) == 6 / 20
    person[:5, knees[0], 2] = 0.01
    assert cut_off(person, (400, 400), 2) == 5 / 20
    person[10:] = 0
    assert cut_off(person, (400, 400), 2) == 5 / 10
    assert cut_off(person * 0, (400, 400), 1) == 0
