"""A track's arrays, gaps and expectation."""

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
    linker = Linker(TrackConfig(), 25.0)
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
