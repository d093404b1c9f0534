import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmr_model.pool import Draws

LENGTHS = st.lists(st.integers(20, 200), min_size=1, max_size=12)


@given(LENGTHS, st.integers(0, 5), st.integers(0, 300))
def test_a_draw_is_a_function_of_seed_and_position(lengths: list[int], seed: int, position: int) -> None:
    walked = Draws(lengths, 20, seed, 1)
    for before in range(position):
        walked.pick(range(before, before + 1))
    jumped = Draws(lengths, 20, seed, 1)
    for a, b in zip(
        walked.pick(range(position, position + 9)), jumped.pick(range(position, position + 9)), strict=True
    ):
        assert np.array_equal(a, b)


@given(LENGTHS, st.integers(0, 5))
def test_every_track_comes_once_an_epoch_with_a_window_inside_it(lengths: list[int], seed: int) -> None:
    tracks, firsts = Draws(lengths, 20, seed, 1).pick(range(3 * len(lengths)))
    for epoch in tracks.reshape(3, -1):
        assert sorted(epoch) == list(range(len(lengths)))
    assert (firsts >= 0).all()
    assert (firsts + 20 <= np.array(lengths)[tracks]).all()


def test_first_and_last_window_of_a_track_are_both_drawn() -> None:
    _, firsts = Draws([22], 20, 0, 1).pick(range(60))
    assert set(firsts) == {0, 1, 2}


def test_seeds_and_salts_draw_differently() -> None:
    orders = [tuple(Draws([40] * 30, 20, seed, salt).pick(range(30))[0]) for seed, salt in [(0, 1), (0, 2), (1, 1)]]
    assert len(set(orders)) == 3


def test_a_track_shorter_than_a_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="20 frames"):
        Draws([19], 20, 0, 1)
