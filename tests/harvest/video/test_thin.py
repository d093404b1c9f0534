"""At most the working rate, by PTS."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.video.timing import Timing, keep_mask, working_rate

BASE = Fraction(1, 1000)


def _even(rate: Fraction, seconds: float = 4.0) -> Timing:
    pts = np.array([round(i / rate / BASE) for i in range(int(rate * Fraction(seconds)))], dtype=np.int64)
    return Timing(pts, np.ones(len(pts), dtype=bool), BASE)


@pytest.mark.parametrize("rate", [5, 10, Fraction(24000, 1001), 24, 25])
def test_slow_video_keeps_every_frame_and_its_rate(rate: Fraction) -> None:
    timing = _even(Fraction(rate))
    keep = keep_mask(timing, Fraction(25))
    assert keep.all()
    assert working_rate(timing, keep, Fraction(25)) == timing.rate


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 30, 50, 60, 120, 240])
def test_fast_video_is_thinned_to_the_working_rate(rate: Fraction) -> None:
    timing = _even(Fraction(rate))
    keep = keep_mask(timing, Fraction(25))
    assert abs(int(keep.sum()) - 100) <= 1
    assert working_rate(timing, keep, Fraction(25)) == 25
    gaps = np.diff(timing.pts_F[keep])
    assert gaps.max() <= 40 + 1000 / rate + 1


def test_fifty_fps_is_every_second_frame() -> None:
    assert np.flatnonzero(keep_mask(_even(Fraction(50)), Fraction(25)))[:5].tolist() == [0, 1, 3, 5, 7]


@given(st.lists(st.integers(1, 200), min_size=2, max_size=200))
def test_variable_rate_never_goes_above_and_never_loses_a_slow_frame(steps: list[int]) -> None:
    pts = np.cumsum([0, *steps]).astype(np.int64)
    timing = Timing(pts, np.ones(len(pts), dtype=bool), BASE)
    keep = keep_mask(timing, Fraction(25))
    assert keep[0]
    assert keep.sum() <= (pts[-1] - pts[0]) * 25 / 1000 + 1.5
    slow = np.flatnonzero(np.diff(pts) >= 80) + 1
    assert keep[slow].all()


def test_sections_and_hidden_frames() -> None:
    timing = _even(Fraction(10))
    keep = keep_mask(timing, Fraction(25), ((1.0, 1.5), (3.0, 3.2)))
    assert np.flatnonzero(keep).tolist() == [10, 11, 12, 13, 14, 30, 31]
    hidden = Timing(timing.pts_F, timing.pts_F >= 1000, BASE)
    assert np.flatnonzero(keep_mask(hidden, Fraction(25)))[0] == 10


def test_huge_ticks_do_not_overflow() -> None:
    pts = np.array([0, 2**40, 2**41, 3 * 2**40], dtype=np.int64)
    timing = Timing(pts, np.ones(4, dtype=bool), Fraction(1, 2**40))
    assert keep_mask(timing, Fraction(2**40 + 1, 3)).all()
