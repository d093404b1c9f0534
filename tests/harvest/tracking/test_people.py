"""People are followed through crossings, gaps and cuts of detection: painted people, real pixels."""

from collections.abc import Callable

import numpy as np
import pytest

from harvest.network_cache import CachedBackend
from harvest.tracking.people import Observer, PeopleConfig
from harvest.tracking.track import Track, TrackConfig
from harvest.video.decode import Frame

Paint = Callable[..., np.ndarray]


def _observe(backend: object, frames: list[np.ndarray], detect_every: int = 4) -> Observer:
    asked = CachedBackend(backend, None)  # type: ignore[arg-type]
    observer = Observer(asked, PeopleConfig(detect_every=detect_every), TrackConfig(), 25.0)
    observer.push([Frame(n, n, pixels) for n, pixels in enumerate(frames)])
    return observer


def _owner(track: Track, truth: dict[int, Callable[[int], tuple[float, float]]]) -> list[int]:
    """Which painted person each observed frame of a track lies on."""
    owners = []
    for n in range(track.start, track.end):
        if track.observed[n - track.start]:
            middle = track.keypoints[n - track.start, :, :2].mean(axis=0)
            apart = {i: np.hypot(*(np.add(at(n), (10, 20)) - middle)) for i, at in truth.items()}
            owners.append(min(apart, key=lambda i: apart[i]))
    return owners


@pytest.mark.parametrize("detect_every", [1, 2, 4, 8])
def test_one_walker_is_one_track(rectangles: type, paint: Paint, detect_every: int) -> None:
    backend = rectangles()
    frames = [paint({0: (20 + 3 * n, 100)}) for n in range(60)]
    observer = _observe(backend, frames, detect_every)
    (track,) = observer.linker.tracks
    assert (track.start, track.end, track.observed.all()) == (0, 60, True)
    assert backend.detections == -(-60 // detect_every)
    truth = np.array([[20 + 3 * n, 100] for n in range(60)])
    assert np.abs(track.keypoints[:, :, :2].min(axis=1) - truth).max() < 5


def test_following_gives_the_same_labels_as_detecting_every_frame(rectangles: type, paint: Paint) -> None:
    frames = [paint({0: (20 + 3 * n, 100), 1: (250 - 2 * n, 30)}) for n in range(50)]
    often, seldom = (_observe(rectangles(), frames, every).linker.tracks for every in (1, 5))
    for a, b in zip(often, seldom, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)


def test_the_backend_is_told_where_the_joints_should_be(rectangles: type, paint: Paint) -> None:
    """Nothing of who is new, then the last joints moved on by the steady motion."""
    hints: list[np.ndarray] = []

    class Telling(rectangles):  # type: ignore[misc]
        def pose(self, frames: object, boxes: object, expected: object = None) -> list[np.ndarray]:
            hints.append(expected[0])  # type: ignore[index]
            return super().pose(frames, boxes)  # type: ignore[no-any-return]

    observer = _observe(Telling(), [paint({0: (20 + 3 * n, 100)}) for n in range(30)])
    (track,) = observer.linker.tracks
    assert not hints[0].any()
    apart = np.array(hints[10:])[:, 0, :, :2] - track.keypoints[10:, :, :2]
    assert np.abs(apart).max() < 2
    np.testing.assert_array_equal(np.array(hints[1:])[:, 0, :, 2], track.keypoints[:-1, :, 2])


@pytest.mark.parametrize("detect_every", [1, 4])
def test_two_people_who_cross_keep_their_identity(rectangles: type, paint: Paint, detect_every: int) -> None:
    truth = {0: lambda n: (20 + 4 * n, 100.0), 1: lambda n: (260 - 4 * n, 104.0)}
    frames = [paint({i: at(n) for i, at in truth.items()}) for n in range(60)]
    observer = _observe(rectangles(), frames, detect_every)
    long = [track for track in observer.linker.tracks if track.end - track.start > 10]
    assert len(long) == 2
    for track in long:
        assert len(set(_owner(track, truth))) == 1


def test_hidden_for_a_short_while_is_bridged_and_marked(rectangles: type, paint: Paint) -> None:
    frames = [paint({0: (20 + 3 * n, 100)} if not 20 <= n < 27 else {}) for n in range(60)]
    (track,) = _observe(rectangles(), frames).linker.tracks
    assert np.flatnonzero(~track.observed).tolist() == list(range(20, 27))
    assert (track.keypoints[20:27] == 0).all()


@pytest.mark.parametrize(("hidden", "tracks"), [(15, 1), (50, 1), (70, 2)])
def test_hidden_for_long_goes_on_where_the_motion_leads(
    rectangles: type, paint: Paint, hidden: int, tracks: int
) -> None:
    """As behind a pillar, whose frames are marked; after 2.4 s it is somebody new."""
    frames = [paint({0: (20 + 2 * n, 100)} if not 20 <= n < 20 + hidden else {}) for n in range(110)]
    seen = _observe(rectangles(), frames).linker.tracks
    assert len(seen) == tracks
    assert (seen[0].start, seen[-1].end) == (0, 110)
    assert (seen[0].keypoints[20 : 20 + hidden] == 0).all()


@pytest.mark.parametrize("there", [{1: (90, 100)}, {0: (250, 30)}])
def test_who_wears_other_clothes_or_appears_elsewhere_is_somebody_else(
    rectangles: type, paint: Paint, there: dict[int, tuple[float, float]]
) -> None:
    frames = [paint({0: (20 + 2 * n, 100)} if n < 20 else there if n >= 35 else {}) for n in range(60)]
    before, after = _observe(rectangles(), frames).linker.tracks
    assert (before.end, after.end) == (20, 60)


def test_a_detector_that_is_blind_at_one_size_is_asked_at_the_other(rectangles: type, paint: Paint) -> None:
    """Person 1 is seen at the second size alone: found in the first frame, and never lost."""

    class TwoSizes(rectangles):  # type: ignore[misc]
        def people(self, frames: object) -> list[np.ndarray]:
            return [boxes[:1] for boxes in super().people(frames)]

        def people_again(self, frames: object) -> list[np.ndarray]:
            return super().people(frames)  # type: ignore[no-any-return]

    frames = [paint({0: (20 + 2 * n, 100), 1: (250 - 2 * n, 30)}) for n in range(40)]
    tracks = _observe(TwoSizes(), frames).linker.tracks
    assert [(track.start, track.end) for track in tracks] == [(0, 40), (0, 40)]
    assert len(_observe(rectangles(miss=lambda call, person: person == 1), frames).linker.tracks) == 1


def test_newcomer_is_seen_at_the_next_detection(rectangles: type, paint: Paint) -> None:
    frames = [paint({0: (20, 100), **({1: (200, 50)} if n >= 21 else {})}) for n in range(40)]
    first, second = _observe(rectangles(), frames).linker.tracks
    assert (first.start, second.start) == (0, 24)


def test_missed_detections_do_not_end_a_followed_person(rectangles: type, paint: Paint) -> None:
    backend = rectangles(miss=lambda call, person: call in (3, 4))
    frames = [paint({0: (20 + 3 * n, 100)}) for n in range(40)]
    (track,) = _observe(backend, frames).linker.tracks
    assert (track.end, track.observed.all()) == (40, True)


@pytest.mark.parametrize(("score", "kept"), [(0.9, True), (0.55, False)])
def test_whom_no_detector_confirms_a_sure_pose_keeps(rectangles: type, paint: Paint, score: float, kept: bool) -> None:
    class Doubting(rectangles):  # type: ignore[misc]
        def pose(self, frames: object, boxes: object, expected: object = None) -> list[np.ndarray]:
            return [poses * np.array([1, 1, score / 0.9], np.float32) for poses in super().pose(frames, boxes)]

    backend = Doubting(miss=lambda call, person: call > 0)
    (track,) = _observe(backend, [paint({0: (20, 100)}) for n in range(60)]).linker.tracks
    assert (track.end == 60) if kept else (track.end <= 4 * (PeopleConfig().max_unconfirmed + 1))


def test_nobody(rectangles: type, paint: Paint) -> None:
    assert _observe(rectangles(), [paint({})] * 9).linker.tracks == []
