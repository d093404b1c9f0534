import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from body.keypoints import KeypointModel
from hmmr_model.configs import DataConfig
from hmmr_model.data import (
    Batch,
    Draws,
    Loader,
    TrainingSet,
    _squared_distance,
    _sum,
    augment,
    hide_joints,
    mirror,
    move_crop,
)
from hmmr_model.tracks import Track, TrackLabels

CONFIG = DataConfig(batch=6, target_margin=0)
MakeTracks = Callable[..., list[Track]]


def test_first_half_has_labels_and_second_half_is_pseudo_labelled(make_tracks: MakeTracks) -> None:
    batch = TrainingSet(make_tracks([30] * 4), make_tracks([25] * 5, 1, labelled=False), CONFIG, 0).batch(0)
    assert [name[:3] for name in batch.tracklet_ids] == ["lab"] * 3 + ["pse"] * 3
    assert batch.labelled == 3
    assert batch.phi_BTD.shape[:2] == (6, 20)


def test_without_added_video_the_second_half_is_the_labelled_films_own_detected_2d(make_tracks: MakeTracks) -> None:
    tracks = [replace(t, keypoints_TJ3=t.keypoints_TJ3 + 5.0) for t in make_tracks([30] * 4)]
    batch = TrainingSet(tracks, [], CONFIG, 0).batch(0)
    assert {name[:3] for name in batch.tracklet_ids} == {"lab"}
    assert batch.labelled == 3
    assert batch.keypoints_BUJ3[:3, ..., :2].abs().max() < 3  # true projection
    assert batch.keypoints_BUJ3[3:, ..., 0].min() > 2  # what was detected


def test_the_labelled_windows_do_not_depend_on_the_added_video(make_tracks: MakeTracks) -> None:
    labelled = make_tracks([30] * 4)
    alone = TrainingSet(labelled, [], CONFIG, 0)
    added = TrainingSet(labelled, make_tracks([25] * 9, 1, labelled=False), CONFIG, 0)
    for step in range(5):
        assert torch.equal(alone.batch(step).joints_LUJ3, added.batch(step).joints_LUJ3)


def test_windows_line_up_phi_with_labels(make_tracks: MakeTracks) -> None:
    track = make_tracks([50])[0]
    batch = TrainingSet([track], [], CONFIG, 0).batch(2)
    start = next(s for s in range(31) if np.array_equal(track.phi_TD[s : s + 20], batch.phi_BTD[0].numpy()))
    assert track.labels is not None
    assert np.array_equal(track.labels.joints_TJ3[start : start + 20], batch.joints_LUJ3[0].numpy())
    assert np.array_equal(track.labels.rotations_TJ33[start : start + 20], batch.rotations_LUJ33[0].numpy())


def test_targets_reach_past_the_window_and_weigh_nothing_past_the_track(make_tracks: MakeTracks) -> None:
    track = make_tracks([23])[0]
    data, margin = TrainingSet([track], [], replace(CONFIG, target_margin=5), 0), 5
    assert track.labels is not None
    for step in range(4):
        batch = data.batch(step)
        start = next(s for s in range(4) if np.array_equal(track.phi_TD[s : s + 20], batch.phi_BTD[0].numpy()))
        at = np.arange(start - margin, start + 20 + margin)
        inside = (at >= 0) & (at < 23)
        assert batch.margin == margin
        assert np.array_equal(batch.joints_LUJ3[0, inside].numpy(), track.labels.joints_TJ3[at[inside]])
        for weight in (batch.joints_weight_LUJ[0], batch.rotations_weight_LU[0], batch.keypoints_BUJ3[0, ..., 2]):
            assert np.array_equal(weight.reshape(30, -1).any(1).numpy(), inside)


def test_visibility_is_binary_at_the_threshold(make_tracks: MakeTracks) -> None:
    track = make_tracks([20], labelled=False)[0]
    track.keypoints_TJ3[..., 2] = np.linspace(0, 0.2, 25)
    batch = TrainingSet(make_tracks([20]), [track], replace(CONFIG, batch=2), 0).batch(0)
    expected = (np.linspace(0, 0.2, 25) >= 0.1).astype(np.float32)
    assert np.array_equal(batch.keypoints_BUJ3[1, 0, :, 2].numpy(), expected)


def test_a_process_takes_its_share_of_the_doubled_batch(make_tracks: MakeTracks) -> None:
    labelled, pseudo = make_tracks([30] * 4), make_tracks([25] * 5, 1, labelled=False)
    whole = TrainingSet(labelled, pseudo, replace(CONFIG, batch=12), 0).batch(3)
    parts = [TrainingSet(labelled, pseudo, CONFIG, 0).batch(3, rank, 2) for rank in (0, 1)]
    assert torch.equal(whole.phi_BTD[:6], torch.cat([p.phi_BTD[:3] for p in parts]))
    assert torch.equal(whole.phi_BTD[6:], torch.cat([p.phi_BTD[3:] for p in parts]))


def test_statistics_of_phi_are_those_of_all_frames(make_tracks: MakeTracks) -> None:
    labelled, pseudo = make_tracks([30] * 2), make_tracks([25] * 2, 1, labelled=False)
    frames = np.concatenate([t.phi_TD for t in (*labelled, *pseudo)]).astype(np.float64)
    mean, std = TrainingSet(labelled, pseudo, CONFIG, 0).phi_statistics()
    np.testing.assert_allclose(mean, frames.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(std, frames.std(0), rtol=1e-4)


def test_digest_sees_every_label(make_tracks: MakeTracks) -> None:
    digests = {TrainingSet(make_tracks([30]), [], CONFIG, 0).digest() for _ in range(2)}
    changed = make_tracks([30])
    assert changed[0].labels is not None
    changed[0].labels.joints_TJ3[3, 4, 1] += 1e-3
    assert len(digests) == 1
    assert TrainingSet(changed, [], CONFIG, 0).digest() not in digests


def test_a_batch_that_cannot_be_halved_is_refused(make_tracks: MakeTracks) -> None:
    with pytest.raises(ValueError, match="halved"):
        TrainingSet(make_tracks([30]), [], replace(CONFIG, batch=5), 0)


def test_mean_and_deviation_are_those_of_one_array(make_tracks: MakeTracks) -> None:
    """Pieces are added as numpy adds the rows of one array: a run of an older version goes on with the same numbers."""
    tracks = make_tracks([3000, 5000, 4096, 500])
    phi_FD = np.concatenate([track.phi_TD for track in tracks])
    mean_D = phi_FD.sum(axis=0, dtype=np.float64) / len(phi_FD)
    pool = TrainingSet(tracks, [], CONFIG, 0).labelled
    np.testing.assert_array_equal(_sum(pool) / len(phi_FD), mean_D)
    pieces = [np.square(phi_FD[start : start + 4096] - mean_D).sum(axis=0) for start in range(0, len(phi_FD), 4096)]
    np.testing.assert_array_equal(_squared_distance(pool, mean_D), sum(pieces))


def test_the_hash_is_of_whole_arrays_however_they_are_read(make_tracks: MakeTracks) -> None:
    """So that a state of an earlier version is gone on from."""
    tracks = make_tracks([3000, 5000])
    told = hashlib.sha256()
    for _ in ("labelled", "pseudo"):
        told.update("\n".join(track.tracklet_id for track in tracks).encode())
        for name in ("phi_TD", "keypoints_TJ3"):
            told.update(np.concatenate([getattr(track, name) for track in tracks]).tobytes())
        labels = [track.labels for track in tracks if track.labels]
        for name in TrackLabels.__dataclass_fields__:
            told.update(np.concatenate([getattr(each, name) for each in labels]).tobytes())
    assert TrainingSet(tracks, [], CONFIG, 0).digest() == told.hexdigest()


LENGTHS = st.lists(st.integers(20, 200), min_size=1, max_size=12)


@given(LENGTHS, st.integers(0, 5), st.integers(0, 300))
def test_a_draw_is_a_function_of_seed_and_position(lengths: list[int], seed: int, position: int) -> None:
    walked = Draws(lengths, 20, seed, 1)
    for before in range(position):
        walked.pick(range(before, before + 1))
    jumped = Draws(lengths, 20, seed, 1)
    for a, b in zip(
        walked.pick(range(position, position + 9)), jumped.pick(range(position, position + 9)), strict=True
    ):
        assert np.array_equal(a, b)


@given(LENGTHS, st.integers(0, 5))
def test_every_track_comes_once_an_epoch_with_a_window_inside_it(lengths: list[int], seed: int) -> None:
    tracks, firsts = Draws(lengths, 20, seed, 1).pick(range(3 * len(lengths)))
    for epoch in tracks.reshape(3, -1):
        assert sorted(epoch) == list(range(len(lengths)))
    assert (firsts >= 0).all()
    assert (firsts + 20 <= np.array(lengths)[tracks]).all()


def test_first_and_last_window_of_a_track_are_both_drawn() -> None:
    _, firsts = Draws([22], 20, 0, 1).pick(range(60))
    assert set(firsts) == {0, 1, 2}


def test_seeds_and_salts_draw_differently() -> None:
    orders = [tuple(Draws([40] * 30, 20, seed, salt).pick(range(30))[0]) for seed, salt in [(0, 1), (0, 2), (1, 1)]]
    assert len(set(orders)) == 3


def test_a_track_shorter_than_a_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="20 frames"):
        Draws([19], 20, 0, 1)


def _data(make_tracks: Callable[..., list[Track]]) -> TrainingSet:
    return TrainingSet(make_tracks([30] * 3), [], DataConfig(batch=4), 0)


def test_gives_the_batch_of_each_step_in_order(make_tracks: Callable[..., list[Track]]) -> None:
    data = _data(make_tracks)
    for (step, batch), expected in zip(Loader(data, range(3, 12), 0, 1), range(3, 12), strict=True):
        assert step == expected
        assert torch.equal(batch.phi_BTD, data.batch(expected).phi_BTD)


def test_batches_for_a_gpu_are_pinned_whole_and_by_the_loading_thread(
    make_tracks: Callable[..., list[Track]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page-locked memory needs a GPU's driver, so what would be locked is noted here."""
    import threading

    pinned = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append((id(tensor), threading.current_thread()))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    list(Loader(_data(make_tracks), range(2), 0, 1))
    assert not pinned
    batches = [batch for _, batch in Loader(_data(make_tracks), range(2), 0, 1, pin=True)]
    tensors = [id(value) for batch in batches for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    assert [name for name, _ in pinned] == tensors
    assert threading.main_thread() not in {thread for _, thread in pinned}


def test_leaving_early_stops_the_thread(make_tracks: Callable[..., list[Track]]) -> None:
    import threading

    before = threading.active_count()
    for step, _ in Loader(_data(make_tracks), range(1000), 0, 1):
        if step == 2:
            break
    assert threading.active_count() == before


def test_an_error_in_the_thread_comes_out_in_the_loop(make_tracks: Callable[..., list[Track]]) -> None:
    data = _data(make_tracks)
    data.pseudo.offsets = data.pseudo.offsets + 10**9
    with pytest.raises(IndexError):
        list(Loader(data, range(3), 0, 1))


ALL = torch.ones(4, dtype=torch.bool)
CONFIG_AUGMENT = DataConfig(batch=4, target_margin=0)


def _keypoint_batch(make_tracks: Callable[..., list[Track]]) -> Batch:
    """A batch whose φ is the keypoints themselves."""
    tracks = [replace(t, phi_TD=t.keypoints_TJ3.reshape(len(t), 75).astype(np.float16)) for t in make_tracks([30] * 3)]
    return TrainingSet(tracks, [], CONFIG_AUGMENT, 0).batch(0)


def test_a_feature_of_an_image_cannot_follow_so_nothing_moves(make_tracks: Callable[..., list[Track]]) -> None:
    batch = TrainingSet(make_tracks([30] * 3), [], CONFIG_AUGMENT, 0).batch(0)
    assert augment(batch, CONFIG_AUGMENT, np.random.default_rng(0)) is batch


def test_keypoint_features_move_with_their_labels(make_tracks: Callable[..., list[Track]]) -> None:
    config = replace(CONFIG_AUGMENT, phi_name="keypoints", joint_dropout=0.0)
    batch = augment(_keypoint_batch(make_tracks), config, np.random.default_rng(0))
    phi = batch.phi_BTD.reshape(4, 20, 25, 3)
    np.testing.assert_allclose(phi[..., :2], batch.keypoints_BUJ3[..., :2], atol=2e-3)
    assert not torch.equal(batch.keypoints_BUJ3, _keypoint_batch(make_tracks).keypoints_BUJ3)


def test_mirrored_pose_is_the_pose_of_the_mirrored_body(
    make_tracks: Callable[..., list[Track]], keypoint_model: KeypointModel
) -> None:
    """The body is symmetric: posing with mirrored rotations must give the mirrored points, whatever the formulas."""
    batch = mirror(_keypoint_batch(make_tracks), ALL)
    points, joints = keypoint_model(batch.rotations_LUJ33.flatten(0, 1), batch.betas_LUK.flatten(0, 1))
    posed = (points - joints[:, :1]).reshape(batch.joints_LUJ3.shape)
    difference = (posed - posed[..., 2:4, :].mean(-2, keepdim=True)) - (
        batch.joints_LUJ3 - batch.joints_LUJ3[..., 2:4, :].mean(-2, keepdim=True)
    )
    assert difference.abs().max() < 2e-3


def test_mirroring_twice_changes_nothing(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    twice = mirror(mirror(batch, ALL), ALL)
    for name in ("phi_BTD", "keypoints_BUJ3", "joints_LUJ3", "rotations_LUJ33", "joints_weight_LUJ"):
        assert torch.equal(getattr(twice, name), getattr(batch, name))


def test_mirroring_swaps_sides_in_flagged_windows_only(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    mirrored = mirror(batch, torch.tensor([True, False, False, True]))
    assert torch.equal(mirrored.keypoints_BUJ3[0, :, 6, 0], -batch.keypoints_BUJ3[0, :, 11, 0])  # wrists
    assert torch.equal(mirrored.keypoints_BUJ3[1], batch.keypoints_BUJ3[1])


def test_moving_the_crop_leaves_unseen_inputs_at_zero(make_tracks: Callable[..., list[Track]]) -> None:
    batch = _keypoint_batch(make_tracks)
    hidden = hide_joints(batch, torch.ones(4, 20, 25, dtype=torch.bool))
    moved = move_crop(hidden, torch.full((4,), 1.1), torch.full((4, 2), 0.1))
    assert not moved.phi_BTD.any()
    np.testing.assert_allclose(moved.keypoints_BUJ3[..., :2], batch.keypoints_BUJ3[..., :2] * 1.1 + 0.1, atol=1e-6)
