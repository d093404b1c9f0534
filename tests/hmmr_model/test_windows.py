from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmr_model.windows import Window, ending_windows, inner_windows, sliding_windows, starting_windows

ALL = pytest.mark.parametrize("plan", [inner_windows, sliding_windows, ending_windows, starting_windows])


@ALL
@given(frames=st.integers(1, 130), window=st.sampled_from([2, 13, 20]))
def test_kept_middles_tile_the_tracklet_once(plan: Callable[..., list[Window]], frames: int, window: int) -> None:
    kept = [w.frames_W[w.kept] for w in plan(frames, window)]
    assert np.concatenate(kept).tolist() == list(range(frames))
    assert [w.first for w in plan(frames, window)] == [int(k[0]) for k in kept]


@ALL
@given(frames=st.integers(1, 130))
def test_every_window_is_as_long_as_in_training(plan: Callable[..., list[Window]], frames: int) -> None:
    assert {len(w.frames_W) for w in plan(frames, 20)} == {20}


@given(st.integers(20, 130))
def test_inner_windows_are_ones_that_training_could_draw(frames: int) -> None:
    for window in inner_windows(frames, 20):
        assert np.array_equal(np.diff(window.frames_W), np.ones(19))


def test_the_papers_plan_keeps_the_middle_eight_of_twenty() -> None:
    plan = sliding_windows(40, 20)
    assert [w.first for w in plan] == [0, 8, 16, 24, 32]
    assert {(w.kept.start, w.kept.stop) for w in plan} == {(6, 14)}
    assert plan[0].frames_W[:7].tolist() == [0] * 7  # the edge repeated in place of grey images


def test_inside_the_tracklet_six_frames_a_side_are_dropped() -> None:
    first, *middle, last = inner_windows(60, 20)
    assert (first.kept.start, first.kept.stop) == (0, 14)
    assert {w.kept.start for w in middle} == {6}
    assert last.kept.stop == 20


def test_one_photograph_stands_still() -> None:
    (window,) = inner_windows(1, 20)
    assert window.frames_W.tolist() == [0] * 20
    assert window.kept == slice(0, 1)


def test_a_window_for_the_future_holds_nothing_after_its_frame_and_one_for_the_past_nothing_before() -> None:
    for t, (ending, starting) in enumerate(zip(ending_windows(40, 20), starting_windows(40, 20), strict=True)):
        assert (ending.first, starting.first) == (t, t)
        assert ending.frames_W.max() == ending.frames_W[ending.kept][0] == t
        assert starting.frames_W.min() == starting.frames_W[starting.kept][0] == t
