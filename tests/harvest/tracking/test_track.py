"""A track's arrays, gaps and expectation."""

from dataclasses import replace

import numpy as np
import pytest

from harvest.tracking.track import Linker, Observation, Track, TrackConfig, keypoint_distance


def _at(x: float, score: float = 0.9) -> Observation:
    shape = np.add(np.random.default_rng(0).uniform(0, 50, (25, 2)), (x, 0))
    keypoints = np.column_stack([shape, np.full(25, score)]).astype(np.float32)
    return Observation(np.array([x, 0, x + 50, 50], np.float32), keypoints, score, confirmed=True, may_start=True)


def test_arrays_grow_and_gaps_are_marked() -> None:
    track = Track(start=3)
    for n in [3, 4, 5, 9, *range(10, 60)]:
        track.add(n, _at(n))
    assert track.end == 60
    assert track.keypoints.shape == (57, 25, 3)
    assert np.flatnonzero(~track.observed).tolist() == [3, 4, 5]
    assert (track.keypoints[3:6] == 0).all()


def test_expectation_follows_a_steady_motion() -> None:
    track = Track(start=0)
    for n in range(20):
        track.add(n, _at(4 * n))
    assert track.expected_box(20)[0] == pytest.approx(80, abs=0.1)
    assert track.expected_box(22)[0] == pytest.approx(88, abs=0.3)
    assert track.expected_keypoints(20)[:, 0].min() == pytest.approx(_at(80).keypoints[:, 0].min(), abs=0.1)


def test_distance_is_in_parts_of_the_person() -> None:
    assert keypoint_distance(_at(0), _at(0)) == 0
    assert keypoint_distance(_at(0), _at(6.5)) == pytest.approx(0.1, abs=0.02)
    assert keypoint_distance(_at(0), _at(0, score=0.1)) == 1.0


def _seen(x: float, joints: int, score: float = 0.9) -> Observation:
    """Somebody in a box of 50 x 100 px, whose joints differ with `joints`."""
    places = np.random.default_rng(joints).uniform((x, 0), (x + 50, 100), (25, 2))
    keypoints = np.column_stack([places, np.full(25, score)]).astype(np.float32)
    return Observation(np.array([x, 0, x + 50, 100], np.float32), keypoints, score, confirmed=True, may_start=True)


@pytest.mark.parametrize(("beside", "tracks"), [(20.0, 1), (35.0, 2)])
def test_lost_with_wrong_joints_and_seen_again(beside: float, tracks: int) -> None:
    """An overlap of 0.43 goes on with the track whatever the joints are, one of 0.18 begins another."""
    linker = Linker(TrackConfig(return_gap_s=0.0), 25.0)
    for people in ([_seen(100, 0)], [_seen(100, 0)], [], [], [_seen(100 + beside, 1)]):
        linker.step(people, detected=True)
    assert len(linker.tracks) == tracks
    assert linker.tracks[-1].end == 5


def test_a_newcomer_leaves_a_track_that_somebody_else_goes_on_with() -> None:
    linker = Linker(TrackConfig(), 25.0)
    linker.step([_seen(100, 0)], detected=True)
    linker.step([_seen(120, 1), _seen(101, 0)], detected=True)
    first, second = linker.tracks
    assert first.box[0] == 101
    assert (second.start, second.box[0]) == (1, 120)


def test_one_missed_frame_gives_nobody_elses_track_away() -> None:
    """She is missed where somebody else appears in her place, and seen again in the next frame: her track is hers."""
    linker = Linker(TrackConfig(), 25.0)
    for people in ([_seen(100, 0)], [_seen(100, 0)], [_seen(125, 1)], [_seen(101, 0), _seen(127, 1)]):
        linker.step(people, detected=True)
    hers, other = linker.tracks
    assert (hers.start, hers.end, hers.box[0]) == (0, 4, 101)
    assert (other.start, other.end, other.box[0]) == (2, 4, 127)


def _walker(x: float, clothes: float, joints: int = 0) -> Observation:
    return replace(_seen(x, joints), colours=np.full((3, 3), clothes, np.float32))


def test_a_pose_that_slides_to_somebody_in_other_clothes_ends_the_track() -> None:
    """The network reads the person in front for the one behind: nobody's row goes on with the other's joints."""
    linker = Linker(TrackConfig(), 25.0)
    for n in range(10):
        linker.step([_walker(100 + n, 50, 0), _walker(140 - n, 150, 1)], detected=True)
    linker.step([_walker(110, 149, 0)], detected=True)
    assert [track.end for track in linker.tracks] == [10, 10, 11]
    old = Linker(TrackConfig(split_clothes=1000.0), 25.0)
    for n in range(10):
        old.step([_walker(100 + n, 50, 0), _walker(140 - n, 150, 1)], detected=True)
    old.step([_walker(110, 149, 0)], detected=True)
    assert [track.end for track in old.tracks] == [11, 10]


def test_wrong_first_poses_after_a_gap_do_not_part_a_track() -> None:
    """Three small poses at the pillar's edge, then whole ones: the young track joins the lost one, frame by frame."""
    linker = Linker(TrackConfig(), 25.0)
    people = {n: _walker(3 * n, 50) for n in [*range(20), *range(60, 90)]}
    for n in (57, 58, 59):
        small = people[60].keypoints.copy()
        small[:, :2] = (60 * 3, 40) + (small[:, :2] - (60 * 3, 40)) * 0.3
        people[n] = replace(people[60], keypoints=small)
    for n in range(90):
        linker.step([people[n]] if n in people else [], detected=True)
    (track,) = linker.tracks
    assert (track.start, track.end) == (0, 90)
    assert np.flatnonzero(~track.observed).tolist() == list(range(20, 57))
    for n, person in people.items():
        np.testing.assert_array_equal(track.keypoints[n], person.keypoints)
    assert linker.settled_until == 90


def test_frames_are_unsettled_while_somebody_may_come_back() -> None:
    linker = Linker(TrackConfig(), 25.0)
    for n in range(85):
        linker.step([_walker(3 * n, 50)] if n < 20 else [], detected=True)
        assert linker.settled_until == (n + 1 if n < 20 or n + 1 > 80 else 20)
