from fractions import Fraction

import numpy as np
import pytest

from openworld.film.matching import NEAR, follow, frames_at, person_distance

FILM_PTS = np.arange(10) * 512
BASE = Fraction(1, 12800)


def test_frames_are_found_by_time_whatever_the_unit() -> None:
    frame, in_time = frames_at(np.array([0, 40, 200, 900]), Fraction(1, 1000), FILM_PTS, BASE)
    assert frame[:3].tolist() == [0, 1, 5]
    assert in_time.tolist() == [True, True, True, False]


def test_distance_is_a_share_of_the_persons_size() -> None:
    truth = np.zeros((1, 25, 3), np.float32)
    truth[0, 1, :2] = (30, 40)
    shifted = truth + np.float32([5, 0, 1])
    box = np.zeros((1, 4), np.float32)
    assert person_distance(shifted, box, truth) == pytest.approx([0.1])
    assert person_distance(truth * (1, 1, 0), box + 20, truth) == pytest.approx([np.hypot(5, 0) / 50])


def _follow(distance: list[list[float]], present: list[list[bool]] | None = None) -> tuple[int, list[bool]] | None:
    apart = np.array(distance)
    here = np.ones(apart.shape, bool) if present is None else np.array(present)
    steps = np.arange(apart.shape[1])
    found = follow(apart, here, steps, np.ones(len(steps), bool))
    return None if found is None else (found.person, found.valid.tolist())


def test_the_majority_decides_and_a_slip_to_the_other_loses_its_label() -> None:
    assert _follow([[0.02, 0.02, 0.3, 0.02], [0.5, 0.4, 0.01, 0.6]]) == (0, [True, True, False, True])


def test_a_bad_detection_keeps_its_label() -> None:
    assert _follow([[0.02, NEAR * 2, 0.02]]) == (0, [True, True, True])


def test_absent_frames_have_no_label() -> None:
    assert _follow([[0.02, 0.02, 0.02]], [[True, True, False]]) == (0, [True, True, False])


def test_a_tracklet_of_nobody_follows_nobody() -> None:
    assert _follow([[0.9, 0.8, 0.1, 0.9]]) is None
    assert follow(np.zeros((0, 3)), np.zeros((0, 3), bool), np.arange(3), np.ones(3, bool)) is None
