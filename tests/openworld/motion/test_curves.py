import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openworld.motion.curves import Clock, beat, drift, drifts, keyframes, pulse


def test_drift_has_the_asked_size_and_is_smooth() -> None:
    noise = drift(np.random.default_rng(0), Clock(5000, 25), 0.5, 2.0)
    assert noise.std() == pytest.approx(0.5, rel=0.15)
    assert np.abs(np.diff(noise)).max() < 0.5


def test_many_drifts_at_once_are_the_same_as_one_after_the_other() -> None:
    clock, one_by_one = Clock(41, 25), np.random.default_rng(3)
    together = drifts(np.random.default_rng(3), clock, 7, 0.1, 2.0)
    assert np.array_equal(together, np.stack([drift(one_by_one, clock, 0.1, 2.0) for _ in range(7)], 1))


@given(st.integers(0, 1000), st.integers(1, 120))
def test_keyframes_stay_between_their_limits(seed: int, frames: int) -> None:
    poses = keyframes(np.random.default_rng(seed), Clock(frames, 25), (-1, 0), (1, 2))
    assert poses.shape == (frames, 2)
    assert (poses >= (-1 - 1e-9, -1e-9)).all()
    assert (poses <= (1 + 1e-9, 2 + 1e-9)).all()


def test_beat_and_pulse_are_between_0_and_1_and_reach_both() -> None:
    phase = np.linspace(0, 4 * np.pi, 401)
    for curve in (beat(phase), pulse(phase), pulse(phase, 3)):
        assert curve.min() == pytest.approx(0, abs=1e-9)
        assert curve.max() == pytest.approx(1, abs=1e-3)
