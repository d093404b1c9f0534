"""What rolls, flips and floor work do to the trunk: y up, so that 1 is upright, 0 lies, -1 stands on the head."""

from collections.abc import Callable

import numpy as np
import pytest

from openworld.motion import acrobatics
from openworld.motion.curves import Clock
from openworld.motion.performance import ACROBATIC, perform
from openworld.seeds import generator

CLOCK = Clock(60, 25)


def _upright(seed: int, step: Callable[..., object]) -> np.ndarray:
    """(T) vertical part of the pelvis's own up."""
    return perform(generator(seed), "acrobatic", CLOCK, among=(step,)).rotations[:, 0, 1, 1]


def test_every_kind_is_drawn() -> None:
    names = {perform(generator(seed), "acrobatic", Clock(3, 25)).name.split("+")[0] for seed in range(150)}
    assert names == {step.__name__ for step in ACROBATIC}


@pytest.mark.parametrize("step", ACROBATIC, ids=lambda step: step.__name__)
def test_every_joint_turns_by_a_rotation_and_nobody_leaves_the_numbers(step: Callable[..., object]) -> None:
    for seed in range(3):
        clip = perform(generator(seed), "acrobatic", CLOCK, among=(step,))
        assert np.allclose(clip.rotations @ clip.rotations.swapaxes(-1, -2), np.eye(3), atol=1e-9)
        assert np.isfinite(clip.path).all()
        assert np.isfinite(clip.lift).all()


@pytest.mark.parametrize("step", [acrobatics.roll, acrobatics.flip, acrobatics.cartwheel])
def test_who_turns_over_is_upside_down_in_between_and_comes_up_again(step: Callable[..., object]) -> None:
    clips = [upright for upright in (_upright(seed, step) for seed in range(12)) if upright[[0, -1]].min() > 0.9]
    assert len(clips) > 3, "many clips hold the whole turn"
    for upright in clips:
        assert upright.min() < -0.8


def test_who_lies_stays_down_and_who_gets_up_changes() -> None:
    lying = np.stack([_upright(seed, acrobatics.lie) for seed in range(8)])
    assert np.abs(lying).mean() < 0.5
    rising = [np.ptp(_upright(seed, acrobatics.get_up)) for seed in range(8)]
    assert np.mean(np.array(rising) > 0.6) > 0.6


def test_a_cartwheel_goes_to_the_side_that_the_head_falls_to() -> None:
    for seed in range(6):
        clip = perform(generator(seed), "acrobatic", CLOCK, among=(acrobatics.cartwheel,))
        up_T3, forward_T3 = clip.rotations[:, 0, :, 1], clip.rotations[:, 0, :, 2]
        way_T3 = np.gradient(clip.path, axis=0)
        assert np.abs((way_T3 * forward_T3).sum(1)).max() < 0.5 * np.linalg.norm(way_T3, axis=1).max()
        falls = (up_T3[:, 1] < 0.7) & (np.gradient(up_T3[:, 1]) < -0.02)
        if falls.any():
            assert ((up_T3 * way_T3).sum(1)[falls] > 0).all()
