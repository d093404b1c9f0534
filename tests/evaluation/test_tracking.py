"""Hazard 22: tracking scores through TrackEval, on made-up sequences whose scores can be counted by hand."""

import numpy as np
import pytest

from evaluation.tracking import FrameBoxes, overlaps, tracking_scores

LEFT, RIGHT = [0.0, 0, 10, 20], [50.0, 0, 60, 20]


def _frames(ids: list[list[int]], boxes: list[list[list[float]]]) -> list[FrameBoxes]:
    return [FrameBoxes(np.array(i, int), np.array(b, float).reshape(-1, 4)) for i, b in zip(ids, boxes, strict=True)]


TRUTH = _frames([[7, 9]] * 10, [[LEFT, RIGHT]] * 10)


def test_perfect_tracks_score_one_whatever_they_are_called() -> None:
    scores = tracking_scores(TRUTH, _frames([[100, 3]] * 10, [[LEFT, RIGHT]] * 10))
    assert (scores.hota, scores.mota, scores.idf1, scores.id_switches) == pytest.approx((1, 1, 1, 0))


def test_hazard_22_one_exchange_in_the_middle() -> None:
    scores = tracking_scores(TRUTH, _frames([[1, 2]] * 5 + [[2, 1]] * 5, [[LEFT, RIGHT]] * 10))
    assert scores.id_switches == 2
    assert scores.mota == pytest.approx(1 - 2 / 20)
    assert scores.idf1 == pytest.approx(0.5)
    # every detection is right; of 10 frames of either track 5 agree: A = 5 / (10 + 10 - 5)
    assert scores.hota == pytest.approx((1 / 3) ** 0.5)


def test_missed_and_invented_people() -> None:
    far = [200.0, 0, 210, 20]
    scores = tracking_scores(TRUTH, _frames([[1]] * 5 + [[1, 2]] * 5, [[LEFT]] * 5 + [[LEFT, far]] * 5))
    assert scores.mota == pytest.approx(1 - (10 + 5) / 20)


def test_nobody_found_and_unequal_lengths() -> None:
    nobody = _frames([[]] * 10, [[]] * 10)
    assert tracking_scores(TRUTH, nobody).hota == 0
    with pytest.raises(ValueError, match="10 true frames and 9"):
        tracking_scores(TRUTH, nobody[:9])


def test_overlaps_by_hand() -> None:
    np.testing.assert_allclose(overlaps(np.array([LEFT]), np.array([[5.0, 0, 15, 20], RIGHT])), [[1 / 3, 0]])
