"""Each measure is 0 for a good stretch and the share of what is wrong for a bad one."""

import numpy as np

from body.joints import KEYPOINTS_25
from harvest.plausible import crowded, cut_off, frozen, too_fast, too_long


def _person(frames: int = 20) -> np.ndarray:
    keypoints = np.ones((frames, 25, 3), np.float32)
    keypoints[:, :, :2] = np.random.default_rng(0).uniform(100, 200, (25, 2))
    return keypoints


def test_a_good_stretch() -> None:
    person = _person()
    seen = person[:, :, 2] > 0
    assert cut_off(person, 320, 240) == too_fast(person, seen, 25) == too_long(person, seen) == 0
    assert crowded(person, [], 0.3) == crowded(person, [person + np.array([150, 0, 0], np.float32)], 0.3) == 0
    assert frozen(np.zeros(20, bool)) == 0


def test_each_fault_shows_in_its_share() -> None:
    person = _person()
    outside = person.copy()
    outside[:5, :, 0] += 320
    assert cut_off(outside, 320, 240) == 0.25
    jumping = person.copy()
    jumping[10] += (100, 0, 0)
    assert too_fast(jumping, person[:, :, 2] > 0, 25) == 2 / 19
    longer = person.copy()
    longer[4, KEYPOINTS_25.index("left_wrist"), :2] += 500
    assert too_long(longer, person[:, :, 2] > 0) == 1 / (20 * 8)
    beside = person.copy()
    beside[:10] = 0
    assert crowded(person, [beside], 0.3) == 0.5
