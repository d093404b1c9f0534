"""Each measure is 0 for a good stretch and the share of what is wrong for a bad one."""

import numpy as np

from body.joints import KEYPOINTS_25
from harvest.plausible import too_fast, too_long


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
