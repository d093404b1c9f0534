"""TrackEval's numbers where they are known beforehand."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.label_quality.people import Labelled, Track, Truth
from evaluation.label_quality.tracking import tracking_row, tracking_table

pytest.importorskip("trackeval")
MakeTrack = Callable[..., Track]


def test_perfect_tracks(truth: Truth, track: MakeTrack) -> None:
    row = tracking_row([(truth, Labelled([track(0), track(1)], [0]))])
    assert row["HOTA"] == pytest.approx(1.0)
    assert (row["IDF1"], row["MOTA"], row["identity switches"], row["person-frames"]) == (1.0, 1.0, 0, 20)


def test_hazard_22_one_exchange_in_the_middle(truth: Truth, track: MakeTrack) -> None:
    halves = [(track(0, 0, 5), track(1, 5, 10)), (track(1, 0, 5), track(0, 5, 10))]
    tracks = [
        Track(0, i, np.arange(10), np.concatenate([first.joints_TJ3, second.joints_TJ3]), np.ones(10, bool))
        for i, (first, second) in enumerate(halves)
    ]
    row = tracking_row([(truth, Labelled(tracks, [0]))])
    assert (row["identity switches"], row["misses"], row["false people"]) == (2, 0, 0)
    assert row["MOTA"] == pytest.approx(1 - 2 / 20)
    assert row["IDF1"] == pytest.approx(0.5)
    # every detection is right; of 10 frames of either track 5 agree: A = 5 / (10 + 10 - 5)
    assert row["HOTA"] == pytest.approx((1 / 3) ** 0.5)


def test_who_need_not_be_seen_is_neither_miss_nor_false(truth: Truth, track: MakeTrack) -> None:
    truth.joints_PFJ3[0, :, :, 2] = 0
    for tracks in ([track(0), track(1)], [track(1)]):
        row = tracking_row([(truth, Labelled(tracks, [0]))])
        assert (row["person-frames"], row["misses"], row["false people"]) == (10, 0, 0)


def test_the_last_row_is_of_all_films(truth: Truth, track: MakeTrack) -> None:
    film = (truth, Labelled([track(0)], [0]))
    table = tracking_table({"a": [film], "b": [film, film], "none": []}, "")
    assert [row[:2] for row in table.rows] == [["a", 1], ["b", 2], ["all", 3]]
