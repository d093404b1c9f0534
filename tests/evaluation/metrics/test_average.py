"""Averages: both kinds, every frame accounted for, order without effect."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics import average, mirrored_share


def test_hazard_12_macro_and_micro_differ_on_unequal_lengths() -> None:
    mean = average([np.full(10, 100.0), np.full(90, 200.0)])
    assert (mean.macro, mean.micro, mean.n_frames, mean.n_sequences) == (150.0, 190.0, 100, 2)


def test_nan_frames_and_empty_sequences_are_counted() -> None:
    mean = average([np.array([1.0, np.nan, 3.0]), np.array([np.nan, np.nan]), np.array([])])
    assert (mean.macro, mean.micro) == (2.0, 2.0)
    assert (mean.n_frames, mean.n_nan, mean.n_sequences, mean.n_empty) == (2, 3, 1, 2)
    nothing = average([])
    assert np.isnan(nothing.macro)
    assert nothing.n_frames == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), min_size=1, max_size=6), st.randoms())
def test_permuting_sequences_changes_nothing(sequences: list[list[float]], random: object) -> None:
    shuffled = list(sequences)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (average([np.array(s) for s in order]) for order in (sequences, shuffled))
    np.testing.assert_equal(vars(first), vars(second))


def test_mirrored_share_counts_frames_better_flipped_in_depth() -> None:
    target = np.random.default_rng(0).normal(size=(10, 12, 3))
    pred = target.copy()
    pred[:3] *= [1, 1, -1]
    pred[9] = np.nan
    assert mirrored_share(pred, target) == 3 / 9
