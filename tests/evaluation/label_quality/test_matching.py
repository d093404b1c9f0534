"""Who is who, what is missed, what is false, and errors in diagonals."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, mirror_permutation
from evaluation.label_quality.errors import (
    acceleration_errors,
    error_row,
    errors_of,
    film_row,
    joint_groups,
    joint_table,
    limb_swaps,
    swapped_share,
)
from evaluation.label_quality.filters import filter_row
from evaluation.label_quality.matching import judge
from evaluation.label_quality.people import Labelled, Track, Truth

MakeTrack = Callable[..., Track]


def test_errors_are_parts_of_the_true_diagonal(truth: Truth, track: MakeTrack) -> None:
    film = judge(truth, Labelled([track(0, dx=5.0), track(1)], [0]))
    assert np.allclose(film.tracks[0].errors, 0.1, atol=1e-5)  # 5 px of a person of 30 x 40
    assert np.allclose(film.tracks[1].errors, 0.0, atol=1e-5)
    assert (film.person_frames, film.missed, film.false, film.identity_changes) == (20, 0, 0, 0)
    assert error_row([film])["mean"] == pytest.approx(0.05, abs=1e-5)


def test_missed_false_and_changed_are_counted(truth: Truth, track: MakeTrack) -> None:
    nobody = replace(track(0, 0, 4), joints_TJ3=track(0, 0, 4).joints_TJ3 + np.float32([400, 0, 0]))
    first, second = track(0, 0, 3), track(1, 3, 7)
    slipped = Track(
        0, 0, np.arange(7), np.concatenate([first.joints_TJ3, second.joints_TJ3]), np.ones(7, bool)
    )  # fmt: skip
    film = judge(truth, Labelled([slipped, nobody], [0]))
    assert film.tracks[0].who_T.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert (film.missed, film.false, film.identity_changes) == (13, 4, 1)
    row = film_row([film, film])
    assert (row["films"], row["missed"], row["false people"]) == (2, 26 / 40, 8)


def test_bridged_frames_and_hidden_joints_count_in_no_error(truth: Truth, track: MakeTrack) -> None:
    truth.joints_PFJ3[0, :, :20, 2] = 0  # five joints show: still somebody to be labelled
    seen = np.ones(10, bool)
    seen[4:] = False
    film = judge(truth, Labelled([replace(track(0, dx=5.0), observed_T=seen)], [0]))
    assert len(errors_of(film.tracks)) == 4 * 5
    assert film.missed == 6 + 10
    truth.joints_PFJ3[0, :, :21, 2] = 0  # four: nobody needs to be
    assert judge(truth, Labelled([track(0)], [0])).person_frames == 10
    assert judge(truth, Labelled([track(0)], [0])).false == 0


def test_exchanged_sides_are_seen(truth: Truth, track: MakeTrack) -> None:
    mirror = mirror_permutation(KEYPOINTS_25)
    good = track(0)
    joints = good.joints_TJ3.copy()
    joints[:3] = joints[:3, mirror]
    film = judge(truth, Labelled([replace(good, joints_TJ3=joints)], [0]))
    assert swapped_share(film.tracks) == pytest.approx(0.3)
    assert limb_swaps(film.tracks[0]).tolist() == [True] * 3 + [False] * 7
    arms = [name.endswith(("shoulder", "elbow", "wrist")) for name in KEYPOINTS_25]
    joints[5, arms] = good.joints_TJ3[5, mirror][arms]
    some = judge(truth, Labelled([replace(good, joints_TJ3=joints)], [0]))
    assert np.flatnonzero(limb_swaps(some.tracks[0])).tolist() == [0, 1, 2, 5]


def test_acceleration_error_of_a_joint_that_jumps_once(truth: Truth, track: MakeTrack) -> None:
    joints = track(0).joints_TJ3.copy()
    joints[5, 7, 1] += 5  # 0.1 diagonals in one frame: second differences 0.1, -0.2, 0.1
    film = judge(truth, Labelled([replace(track(0), joints_TJ3=joints)], [0]))
    errors = acceleration_errors(film.tracks)
    assert len(errors) == 8 * 25
    assert errors.sum() == pytest.approx(0.4, abs=1e-4)


def test_a_filter_row_divides_errors_into_kept_and_dropped(truth: Truth, track: MakeTrack) -> None:
    everything = judge(truth, Labelled([track(0, dx=5.0), track(1, dx=1.0)], [0]))
    kept = judge(truth, Labelled([track(1, dx=1.0)], [0]))
    row = filter_row([everything], [kept])
    assert row["frames kept"] == 0.5
    assert row["hours kept"] == pytest.approx(10 / 25 / 3600)
    assert row["mean kept"] == pytest.approx(0.02, abs=1e-5)
    assert row["mean dropped"] == pytest.approx(0.1, abs=1e-5)
    assert filter_row([everything], [everything])["mean dropped"] is None


def test_each_joint_has_a_row_and_the_worst_is_first(truth: Truth, track: MakeTrack) -> None:
    joints = track(0).joints_TJ3.copy()
    joints[:, KEYPOINTS_25.index("left_wrist"), 0] += 5
    table = joint_table([judge(truth, Labelled([replace(track(0), joints_TJ3=joints)], [0]))], "")
    assert table.rows[0][:2] == ["wrist", 20]
    assert table.rows[-1][:2] == ["all", 250]
    assert sorted(slot for slots in joint_groups().values() for slot in slots) == list(range(25))


def test_a_film_of_nobody(track: MakeTrack) -> None:
    empty = Truth(np.zeros((0, 10, 25, 3)), np.zeros((0, 10), bool), np.zeros(10, np.int64))
    assert film_row([judge(empty, Labelled([], [0]))])["missed"] is None
    assert judge(empty, Labelled([track(0)], [0])).false == 10
