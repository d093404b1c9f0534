from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from body.cameras import perspective, weak_to_translation
from body.keypoints import KeypointModel
from body.rotations import axis_angle_to_matrix
from hmmr_model.predict import Pose, Prediction
from hmmr_model.refine import RefineConfig, View, blend_stretches, refine, smoothed_own_3d, stretches
from hmmr_model.tracks import Track
from storage.tables import TrackletArrays

SIDE = 200.0


def _tracklet(crop_TJ3: np.ndarray) -> TrackletArrays:
    """Keypoints in crop coordinates as pixels of a square box that stands still."""
    frames = len(crop_TJ3)
    keypoints = crop_TJ3.copy()
    keypoints[..., :2] = (crop_TJ3[..., :2] + 1) / 2 * SIDE
    return TrackletArrays(
        tracklet_id="a", source_id="s", fps=25.0, frame_index=np.arange(frames, dtype=np.int32),
        pts=np.arange(frames, dtype=np.int64), boxes=np.tile(np.array([0, 0, SIDE, SIDE], np.float32), (frames, 1)),
        keypoints=keypoints, observed=np.ones(frames, bool),
    )  # fmt: skip


def _said(rotations: torch.Tensor, betas: torch.Tensor, model: KeypointModel) -> Prediction:
    points, joints = model(rotations, betas)
    centred = (points - joints[:, :1]).numpy()
    camera = np.tile(np.array([0.8, 0.05, 0.0], np.float32), (len(centred), 1))
    now = Pose(rotations.numpy(), centred)
    return Prediction("a", now.rotations, betas.numpy(), camera, centred, now, now, now, now, now)


@pytest.fixture
def case(make_tracks: Callable[..., list[Track]], keypoint_model: KeypointModel) -> tuple[Track, Prediction]:
    """The truth, and a prediction that jitters about it."""
    (track,) = make_tracks([24])
    assert track.labels is not None
    noise = torch.tensor(np.random.default_rng(0).normal(scale=0.15, size=(24, 24, 3)), dtype=torch.float32)
    rotations = torch.from_numpy(track.labels.rotations_TJ33) @ axis_angle_to_matrix(noise)
    return track, _said(rotations, torch.from_numpy(track.labels.betas_TK), keypoint_model)


def _in_crop(said: Prediction) -> np.ndarray:
    return np.asarray(said.camera[:, None, :1] * (said.keypoints_3d[..., :2] + said.camera[:, None, 1:]))


def test_the_body_comes_nearer_to_its_keypoints_to_the_truth_and_moves_more_smoothly(
    case: tuple[Track, Prediction], keypoint_model: KeypointModel
) -> None:
    track, said = case
    assert track.labels is not None
    better = refine(said, _tracklet(track.keypoints_TJ3), keypoint_model, RefineConfig())

    def away_2d(of: Prediction) -> float:
        return float(np.abs(_in_crop(of) - track.keypoints_TJ3[..., :2]).mean())

    def away_3d(of: Prediction) -> float:
        return float(np.abs(of.keypoints_3d - track.labels.joints_TJ3).mean())  # type: ignore[union-attr]

    def jitter(of: Prediction) -> float:
        return float(np.abs(np.diff(of.keypoints_3d, 2, axis=0)).mean())

    assert away_2d(better) < 0.5 * away_2d(said)
    assert away_3d(better) < 0.8 * away_3d(said)
    assert jitter(better) < 0.6 * jitter(said)


def test_what_is_said_of_the_body_agrees_with_itself(
    case: tuple[Track, Prediction], keypoint_model: KeypointModel
) -> None:
    track, said = case
    better = refine(said, _tracklet(track.keypoints_TJ3), keypoint_model, RefineConfig(steps=5))
    points, joints = keypoint_model(torch.from_numpy(better.rotations), torch.from_numpy(better.betas))
    np.testing.assert_allclose(better.keypoints_3d, points - joints[:, :1], atol=1e-6)
    identity = np.swapaxes(better.rotations, -1, -2) @ better.rotations
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-5)
    assert np.ptp(better.betas, axis=0).max() == 0
    for other in (better.past, better.future, better.hallucinated_past, better.hallucinated_future):
        assert other is not None  # each said what the present head said, so each must say what it says now
        np.testing.assert_allclose(other.rotations, better.rotations, atol=1e-4)
        np.testing.assert_allclose(other.keypoints_3d, better.keypoints_3d, atol=1e-4)


def test_joints_that_were_not_seen_pull_nothing(case: tuple[Track, Prediction], keypoint_model: KeypointModel) -> None:
    track, said = case
    keypoints = track.keypoints_TJ3.copy()
    keypoints[:, 5:, 2] = 0.29
    moved = keypoints.copy()
    moved[:, 5:, :2] += 0.5
    moved[3, 6, :2] = np.nan
    one, two = (refine(said, _tracklet(each), keypoint_model, RefineConfig(steps=8)) for each in (keypoints, moved))
    np.testing.assert_array_equal(one.rotations, two.rotations)


def test_without_any_keypoint_nothing_is_touched(case: tuple[Track, Prediction], keypoint_model: KeypointModel) -> None:
    track, said = case
    keypoints = track.keypoints_TJ3 * np.array([1, 1, 0], np.float32)
    assert refine(said, _tracklet(keypoints), keypoint_model, RefineConfig()) is said


def test_a_person_near_the_camera_is_drawn_by_perspective(
    case: tuple[Track, Prediction], keypoint_model: KeypointModel
) -> None:
    """1.6 m away, arms and legs are seen a third larger or smaller than weak perspective says."""
    track, said = case
    assert track.labels is not None
    truth_TJ3 = track.labels.joints_TJ3 + np.array([0.2, -0.1, 1.6], np.float32)
    pixels_TJ2 = SIDE * truth_TJ3[..., :2] / truth_TJ3[..., 2:] + SIDE / 2
    seen_TJ3 = np.concatenate([2 * pixels_TJ2 / SIDE - 1, np.ones((24, 25, 1))], axis=-1).astype(np.float32)
    view = View(SIDE, (SIDE / 2, SIDE / 2))
    exact = RefineConfig(keypoints_2d=600.0, steps=160)
    near, far = (refine(said, _tracklet(seen_TJ3), keypoint_model, exact, view=given) for given in (view, None))
    loose = refine(said, _tracklet(seen_TJ3), keypoint_model, replace(exact, perspective=False), view=view)
    np.testing.assert_array_equal(loose.rotations, far.rotations)

    def away_m(of: Prediction) -> float:
        return float(np.linalg.norm(of.keypoints_3d - track.labels.joints_TJ3, axis=-1).mean())  # type: ignore[union-attr]

    assert away_m(near) < 0.85 * away_m(far)
    boxes, centre = torch.tensor([0.0, 0, SIDE, SIDE]).expand(24, 4), torch.tensor(view.centre)
    place_T3 = weak_to_translation(torch.from_numpy(near.camera), boxes, view.focal, centre)
    drawn_TJ2 = perspective(torch.from_numpy(near.keypoints_3d) + place_T3[:, None], view.focal, centre).numpy()
    assert np.abs(drawn_TJ2 - pixels_TJ2).mean() < 0.01 * SIDE, "the returned camera draws the body where it was seen"


def test_a_view_looks_through_the_middle_with_the_assumed_focal_length_or_the_known_one() -> None:
    assert View.of_picture(320, 240) == View(400.0, (160.0, 120.0))
    assert View.of_picture(320, 240, 555.0).focal == 555.0


def test_the_2d_networks_own_3d_turns_a_body_that_the_picture_cannot_tell_from_the_true_one(
    case: tuple[Track, Prediction], keypoint_model: KeypointModel
) -> None:
    """A body mirrored in depth has nearly the same 2D keypoints: only the network's own 3D says that it is wrong."""
    track, _ = case
    assert track.labels is not None
    mirror = np.diag([1.0, 1.0, -1.0]).astype(np.float32)
    rotations = torch.from_numpy(mirror @ track.labels.rotations_TJ33 @ mirror)
    flipped = _said(rotations, torch.from_numpy(track.labels.betas_TK), keypoint_model)
    own = track.labels.joints_TJ3.copy()
    own[7] = np.nan  # a frame without, and joints without
    own[:, 19:] = np.nan
    config = RefineConfig(rotations=1.0, own_3d=30.0)

    def wrong_by(own_3d: np.ndarray | None) -> float:
        refined = refine(flipped, _tracklet(track.keypoints_TJ3), keypoint_model, config, own_3d)
        assert np.isfinite(refined.keypoints_3d).all()
        return float(np.abs(refined.keypoints_3d - track.labels.joints_TJ3).mean())  # type: ignore[union-attr]

    assert wrong_by(own) < 0.7 * wrong_by(None)
    assert wrong_by(np.full_like(own, np.nan)) == wrong_by(None)


def test_the_own_3d_is_smoothed_about_its_hips_and_a_gap_pulls_nothing() -> None:
    still = np.tile(np.random.default_rng(0).normal(size=(25, 3)).astype(np.float32), (30, 1, 1))
    points, weight = smoothed_own_3d(still, 30, 2.0)
    assert weight.all()
    about_hips = still[0] - still[0, 2:4].mean(axis=0)
    np.testing.assert_allclose(points, np.broadcast_to(about_hips, points.shape), atol=1e-6)
    still[10:13, 5:] = np.nan
    still[20, 2] = np.nan
    points, weight = smoothed_own_3d(still, 30, 2.0)
    np.testing.assert_allclose(points, np.broadcast_to(about_hips, points.shape), atol=1e-6)
    assert not weight[10:13, 5:].any()
    assert not weight[20].any(), "without a hip the frame has no origin"
    assert not smoothed_own_3d(None, 4, 2.0)[1].any()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_tracklets(case: tuple[Track, Prediction], keypoint_model: KeypointModel, frames: int) -> None:
    track, _ = case
    assert track.labels is not None
    rotations = torch.from_numpy(track.labels.rotations_TJ33[:frames])
    said = _said(rotations, torch.from_numpy(track.labels.betas_TK[:frames]), keypoint_model)
    better = refine(said, _tracklet(track.keypoints_TJ3[:frames]), keypoint_model, RefineConfig(steps=10))
    assert np.isfinite(better.keypoints_3d).all()
    assert better.keypoints_3d.shape == (frames, 25, 3)


def test_a_frame_in_which_nobody_was_seen_keeps_a_usable_camera(
    case: tuple[Track, Prediction], keypoint_model: KeypointModel
) -> None:
    track, said = case
    keypoints = track.keypoints_TJ3.copy()
    keypoints[10:13, :, 2] = 0
    better = refine(said, _tracklet(keypoints), keypoint_model, RefineConfig())
    assert np.isfinite(better.camera).all()
    assert np.abs(better.camera[9:14] - better.camera[[9]]).max() < 0.3


@pytest.fixture(scope="module")
def long_case(keypoint_model: KeypointModel) -> tuple[Prediction, TrackletArrays]:
    """400 frames of somebody who moves gently, keypoints with noise, and a prediction that jitters about the truth."""
    random = np.random.default_rng(3)
    time_T = torch.arange(400)[:, None, None] / 25
    phase = torch.from_numpy(random.uniform(0, 6.28, (24, 3))).float()
    turns = 0.2 * torch.sin(1.5 * time_T + phase)
    noise = torch.from_numpy(random.normal(scale=0.1, size=(400, 24, 3))).float()
    truth = _said(axis_angle_to_matrix(turns), torch.zeros(400, 10), keypoint_model)
    said = _said(axis_angle_to_matrix(turns + noise), torch.full((400, 10), 0.5), keypoint_model)
    seen = np.concatenate([_in_crop(truth) + random.normal(scale=0.01, size=(400, 25, 2)), np.ones((400, 25, 1))], -1)
    return said, _tracklet(seen.astype(np.float32))


def _bends(of: Prediction) -> np.ndarray:
    """(T) acceleration of the joints, m/frame^2; 0 at both ends."""
    bends = np.linalg.norm(np.diff(of.keypoints_3d, 2, axis=0), axis=-1).mean(axis=-1)
    return np.asarray(np.pad(bends, 1))


def test_a_tracklet_in_stretches_is_joined_without_a_jolt(
    long_case: tuple[Prediction, TrackletArrays], keypoint_model: KeypointModel
) -> None:
    said, tracklet = long_case
    config = RefineConfig(stretch=120, overlap=30, steps=40)
    places = stretches(400, 120, 30)
    found = refine(said, tracklet, keypoint_model, config)
    whole = refine(said, tracklet, keypoint_model, RefineConfig(steps=40))
    at_joins = np.zeros(400, bool)
    for before, after in pairwise(places):
        at_joins[after.start - 2 : before.stop + 2] = True
    bends = _bends(found)
    assert len(places) > 3
    assert bends[at_joins].mean() <= bends[~at_joins].mean()
    assert bends[at_joins].max() <= _bends(whole).max()
    cut = _bends(refine(said, tracklet, keypoint_model, replace(config, overlap=0)))
    assert cut.max() > 2 * bends.max(), "without an overlap there is a jolt"
    assert bends.mean() == pytest.approx(_bends(whole).mean(), rel=0.1)
    assert np.abs(found.keypoints_3d - whole.keypoints_3d).mean() < 0.01
    assert np.ptp(found.betas, axis=0).max() == 0
    points, joints = keypoint_model(torch.from_numpy(found.rotations), torch.from_numpy(found.betas))
    np.testing.assert_allclose(found.keypoints_3d, points - joints[:, :1], atol=1e-6)


def test_a_stretch_in_which_nobody_was_seen_stays_as_it_was(
    long_case: tuple[Prediction, TrackletArrays], keypoint_model: KeypointModel
) -> None:
    said, tracklet = long_case
    tracklet.keypoints[:130, :, 2] = 0
    found = refine(said, tracklet, keypoint_model, RefineConfig(stretch=120, overlap=30, steps=3, start_smoothing=0.0))
    first = stretches(400, 120, 30)[0]
    np.testing.assert_allclose(found.rotations[: first.stop - 30], said.rotations[: first.stop - 30], atol=1e-5)
    assert np.isfinite(found.keypoints_3d).all()
    assert np.abs(found.betas - 0.5).max() > 0, "the shape comes from the first stretch in which somebody was seen"


@given(st.integers(1, 2000), st.integers(0, 20), st.integers(0, 200))
def test_every_frame_is_covered_and_neighbours_share_the_overlap(frames: int, overlap: int, more: int) -> None:
    longest = max(3 * overlap, 1) + more
    places = stretches(frames, longest, overlap)
    assert (places[0].start, places[-1].stop) == (0, frames)
    assert all(1 <= place.stop - place.start <= longest for place in places)
    for before, after in pairwise(places):
        assert before.stop - after.start == overlap
        assert after.stop - after.start > overlap
    for first, third in zip(places, places[2:], strict=False):
        assert first.stop <= third.start
    assert len(places) == 1 or frames > longest


def test_too_short_stretches_are_refused() -> None:
    with pytest.raises(ValueError, match="stretches of 20 frames cannot share 7"):
        stretches(100, 20, 7)


def test_parts_of_one_whole_give_it_back() -> None:
    whole = torch.rand(100, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    places = stretches(100, 30, 10)
    assert len(places) > 2
    torch.testing.assert_close(blend_stretches([whole[place] for place in places], places, 10), whole)
    (only,) = stretches(100, 100, 10)
    assert torch.equal(blend_stretches([whole[only]], [only], 10), whole)


def test_two_parts_that_differ_are_joined_without_a_jump_of_place_or_speed() -> None:
    places = stretches(150, 100, 30)
    low, high = (torch.full((place.stop - place.start, 1), float(n)) for n, place in enumerate(places))
    path = blend_stretches([low, high], places, 30)[:, 0]
    assert (float(path[0]), float(path[-1])) == (0.0, 1.0)
    assert (path.diff() >= 0).all()
    assert path.diff().max() < 2 / 30
    assert path.diff(n=2).abs().max() < 5 / 30**2  # a cosine of 30 frames bends at most pi^2 / 2 / 31^2
