"""Left and right, put right: on a walker whose sides are exchanged on purpose."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from body.joints import KEYPOINTS_25, mirror_permutation
from harvest.tracking.sides import SidesConfig, repair_sides

MIRROR = mirror_permutation(KEYPOINTS_25)


def _walker(frames: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """Joints with a left and a right side, swinging against each other, some 300 px tall."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 25
    height = rng.uniform(0, 300, 25)
    joints = np.ones((frames, 25, 3))
    for j, name in enumerate(KEYPOINTS_25):
        side = 1 if name.startswith("left") else -1 if name.startswith("right") else 0
        twin = min(j, MIRROR[j])
        joints[:, j, 0] = (side * (25 + 30 * np.sin(2 * np.pi * time + twin)) + 40 * time)[:, 0]
        joints[:, j, 1] = height[twin]
    joints[:, :, :2] += rng.normal(0, noise, (frames, 25, 2))
    return joints.astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_what_is_right_stays(seed: int) -> None:
    walker = _walker(60, seed)
    repaired, exchanged = repair_sides(walker, SidesConfig())
    assert np.mean([states.mean() for states in exchanged.values()]) < 0.05
    assert (repaired == walker).mean() > 0.95


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(5, 50), min_size=1, max_size=6, unique=True))
def test_exchanged_frames_are_found(seed: int, places: list[int]) -> None:
    walker = _walker(60, seed)
    broken = walker.copy()
    for place in places:
        broken[place : place + 2] = walker[place : place + 2][:, MIRROR]
    repaired, _ = repair_sides(broken, SidesConfig())
    wrong_before = np.abs(broken - walker).max(axis=(1, 2)) > 1e-3
    left = (np.abs(repaired - walker).max(axis=2) > 1e-3).mean(axis=1)
    assert left[wrong_before].mean() < 0.35
    assert left.mean() < 0.1


def test_nobody_visible_is_left_alone() -> None:
    hidden = _walker(20)
    hidden[:, :, 2] = 0
    repaired, exchanged = repair_sides(hidden, SidesConfig())
    assert (repaired == hidden).all()
    assert not any(states.any() for states in exchanged.values())


def test_what_is_settled_stays() -> None:
    walker = _walker(40)
    broken = walker.copy()
    broken[:25] = walker[:25][:, MIRROR]
    assert (repair_sides(broken, SidesConfig(), settled=25)[0][:25] == broken[:25]).all()
