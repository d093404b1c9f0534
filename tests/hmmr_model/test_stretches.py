from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmr_model.refine import joined, stretches


@given(st.integers(1, 2000), st.integers(0, 20), st.integers(0, 200))
def test_every_frame_is_covered_and_neighbours_share_the_overlap(frames: int, overlap: int, more: int) -> None:
    longest = max(3 * overlap, 1) + more
    places = stretches(frames, longest, overlap)
    assert (places[0].start, places[-1].stop) == (0, frames)
    assert all(1 <= place.stop - place.start <= longest for place in places)
    for before, after in pairwise(places):
        assert before.stop - after.start == overlap
        assert after.stop - after.start > overlap
    for first, third in zip(places, places[2:], strict=False):
        assert first.stop <= third.start
    assert len(places) == 1 or frames > longest


def test_too_short_stretches_are_refused() -> None:
    with pytest.raises(ValueError, match="stretches of 20 frames cannot share 7"):
        stretches(100, 20, 7)


def test_parts_of_one_whole_give_it_back() -> None:
    whole = torch.rand(100, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places = stretches(100, 30, 10)
    assert len(places) > 2
    torch.testing.assert_close(joined([whole[place] for place in places], places, 10), whole)
    (only,) = stretches(100, 100, 10)
    assert torch.equal(joined([whole[only]], [only], 10), whole)


def test_two_parts_that_differ_are_joined_without_a_jump_of_place_or_speed() -> None:
    places = stretches(150, 100, 30)
    low, high = (torch.full((place.stop - place.start, 1), float(n)) for n, place in enumerate(places))
    path = joined([low, high], places, 30)[:, 0]
    assert (float(path[0]), float(path[-1])) == (0.0, 1.0)
    assert (path.diff() >= 0).all()
    assert path.diff().max() < 2 / 30
    assert path.diff(n=2).abs().max() < 5 / 30**2  # a cosine of 30 frames bends at most pi^2 / 2 / 31^2
