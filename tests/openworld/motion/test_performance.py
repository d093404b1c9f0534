from functools import partial

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, SMPL_24, mirror_permutation
from openworld.motion.curves import Clock
from openworld.motion.performance import WALKING, mirrored, perform
from openworld.motion.whole_body import MOST_TILT, straight, there_and_back
from openworld.scene.figure import Figure
from openworld.seeds import generator

CLOCK = Clock(30, 25)
NARROW = {"walk", "stand", "sit", "squat", "bow"}
BROAD = NARROW | {"run", "lunge", "kick", "jack", "shift"}


def _names(family: str, clips: int) -> list[list[str]]:
    return [perform(generator(seed), family, Clock(3, 25)).name.split("+") for seed in range(clips)]


def test_narrow_and_broad_are_what_the_pilot_had() -> None:
    narrow, broad = _names("narrow", 60), _names("broad", 300)
    assert {name[0] for name in narrow} == NARROW
    assert {name[0] for name in broad} == BROAD
    assert not any("tilt" in name for name in narrow)
    assert np.mean(["tilt" in name for name in broad]) == pytest.approx(0.25, abs=0.08)
    assert all(name[1] == "overhead" for name in broad if name[0] == "jack")


@pytest.mark.parametrize("seed", range(6))
def test_every_joint_turns_by_a_rotation(seed: int) -> None:
    rotations = perform(generator(seed), "broad", CLOCK).rotations
    assert np.allclose(rotations @ rotations.swapaxes(-1, -2), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(rotations), 1)


def test_the_same_numbers_give_the_same_clip() -> None:
    one, other = (perform(generator(5, "clip"), "broad", CLOCK) for _ in range(2))
    assert np.array_equal(one.rotations, other.rotations)
    assert np.array_equal(one.path, other.path)


def test_a_mirrored_clip_is_the_mirror_image(figure: Figure) -> None:
    performance = perform(generator(2), "broad", CLOCK)
    shape = np.zeros(10, np.float32)
    plain = figure.keypoints(performance.rotations, shape)
    swapped = figure.keypoints(mirrored(performance).rotations, shape)
    assert np.allclose(swapped[:, mirror_permutation(KEYPOINTS_25)] * (-1, 1, 1), plain, atol=2e-3)
    assert np.allclose(mirrored(mirrored(performance)).rotations, performance.rotations)


def test_knees_bend_backward_only(figure: Figure) -> None:
    knee = SMPL_24.index("left_knee")
    for seed in range(20):
        rotations = perform(generator(seed), "narrow", CLOCK).rotations[:, knee]
        shin_back = -(rotations @ np.array([0, -1.0, 0]))[:, 2]
        assert shin_back.min() > -0.15


def test_people_walk_where_they_face() -> None:
    steer = partial(straight, towards=0.7)
    walkers = [perform(generator(seed), "narrow", CLOCK, steer=steer, among=WALKING) for seed in range(4)]
    for walker in walkers:
        step = walker.path[-1] - walker.path[0]
        assert np.arctan2(step[0], step[2]) == pytest.approx(0.7, abs=0.2)
        assert 0.3 < np.linalg.norm(step) / (29 / 25) < 2.2


def test_who_turns_back_comes_back() -> None:
    steer = partial(there_and_back, towards=0.7)
    path = perform(generator(1), "narrow", Clock(100, 25), steer=steer, among=WALKING).path
    away = np.linalg.norm(path - path[0], axis=1)
    assert away[50] > 1
    assert away[-1] < 0.35 * away[50]


def test_tilts_reach_the_pilots_limit_and_not_beyond() -> None:
    tilted = [perform(generator(seed), "broad", Clock(100, 25)) for seed in range(60)]
    lean = [np.arccos(np.clip(p.rotations[:, 0, 1, 1], -1, 1)).max() for p in tilted if p.name.endswith("tilt")]
    assert np.deg2rad(60) < max(lean) < MOST_TILT * 1.2
