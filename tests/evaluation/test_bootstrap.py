"""Intervals over sequences: cover the truth, widen with unequal sequences, refuse to be made of one."""

import numpy as np
import pytest

from evaluation.bootstrap import intervals
from evaluation.score import SequenceScore


def _scores(means: list[float], lengths: list[int]) -> list[SequenceScore]:
    values = [np.full(length, mean) for mean, length in zip(means, lengths, strict=True)]
    return [SequenceScore(str(i), {"mpjpe_mm": value}, len(value)) for i, value in enumerate(values)]


def test_it_is_the_spread_of_the_mean_of_sequences_not_of_frames() -> None:
    rng = np.random.default_rng(0)
    means = list(rng.normal(100, 10, 40))
    macro, micro = intervals(_scores(means, [1000] * 40), "mpjpe_mm")
    half = 1.96 * np.std(means) / 40**0.5
    assert macro.high - macro.low == pytest.approx(2 * half, rel=0.12)
    assert (micro.low, micro.high) == pytest.approx((macro.low, macro.high))


def test_coverage_is_about_what_it_says() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        macro, _ = intervals(_scores(list(rng.normal(80, 15, 25)), [5] * 25), "mpjpe_mm")
        inside += macro.low <= 80 <= macro.high
    assert 86 <= inside <= 100


def test_long_sequences_weigh_in_the_frame_mean_alone_and_nan_frames_in_neither() -> None:
    scores = _scores([10.0, 20.0, 30.0], [1, 1, 998])
    scores[0].per_frame["mpjpe_mm"] = np.array([10.0, np.nan])
    macro, micro = intervals(scores, "mpjpe_mm")
    assert macro.low <= 20 <= macro.high
    assert micro.high == 30.0


def test_one_sequence_has_no_interval() -> None:
    macro, _ = intervals(_scores([10.0], [50]), "mpjpe_mm")
    assert np.isnan(macro.low)
    assert "no interval" in str(macro)
