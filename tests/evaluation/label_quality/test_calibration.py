"""Reliability against numbers that can be worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.label_quality.calibration import (
    brier,
    calibration_error,
    reliability_table,
    scored_joints,
    summary_table,
)
from evaluation.label_quality.matching import judge
from evaluation.label_quality.people import Labelled, Track, Truth


def test_error_by_hand() -> None:
    scores = np.array([0.95, 0.95, 0.95, 0.95, 0.2, 0.2])
    right = np.array([1, 1, 1, 0, 1, 0], dtype=bool)
    # four say 0.95 and three are right, two say 0.2 and one is
    assert calibration_error((scores, right)) == pytest.approx((4 * 0.2 + 2 * 0.3) / 6)
    assert brier((scores, right)) == pytest.approx((3 * 0.05**2 + 0.95**2 + 0.8**2 + 0.2**2) / 6)


def test_scores_that_mean_what_they_say() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 200_000)
    assert calibration_error((scores, rng.random(200_000) < scores)) < 0.01


def test_bands_hold_every_joint_once() -> None:
    scores = np.array([0.0, 0.1, 0.35, 0.35, 1.0])
    table = reliability_table("r", "R", (scores, np.ones(5, bool)), "")
    assert [row[:2] for row in table.rows] == [
        ["0.0 to 0.1", 1],
        ["0.1 to 0.2", 1],
        ["0.3 to 0.4", 2],
        ["0.9 to 1.0", 1],
    ]
    assert (
        summary_table({"raw": (scores, np.ones(5, bool)), "none": (scores[:0], np.zeros(0, bool))}, "").rows[0][1] == 5
    )


def test_right_is_within_a_tenth_hidden_joints_too(truth: Truth, track: Callable[..., Track]) -> None:
    truth.joints_PFJ3[0, :, :10, 2] = 0
    film = judge(truth, Labelled([track(0, dx=4.0, score=0.8), track(1, dx=6.0, score=0.3)], [0]))
    scores, right = scored_joints([film])
    assert len(scores) == 2 * 10 * 25
    assert right[scores > 0.5].all()
    assert not right[scores < 0.5].any()
