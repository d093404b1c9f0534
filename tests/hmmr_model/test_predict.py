import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from body.keypoints import KeypointModel
from body.rotations import axis_angle_to_matrix
from hmmr_model.checkpoint import Checkpoint, save_checkpoint
from hmmr_model.configs import TrainConfig
from hmmr_model.network import HMMR, Head
from hmmr_model.predict import (
    Predictor,
    Window,
    ending_windows,
    inner_windows,
    paper_windows,
    predict_lake,
    sliding_windows,
    starting_windows,
)
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import read_phi, rows_to_table


@pytest.fixture
def checkpoint(small_config: TrainConfig) -> Checkpoint:
    torch.manual_seed(0)
    network = HMMR(small_config.model, 48)
    for block in network.encoder.blocks:
        torch.nn.init.normal_(block.conv2.weight, std=0.1)  # an encoder that is not the identity
    return Checkpoint(small_config, 48, "open24", 1, None, network.state_dict())


def _phi(frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(frames, 48)).astype(np.float16)


def test_a_window_long_tracklet_is_one_pass_of_the_network(
    checkpoint: Checkpoint, keypoint_model: KeypointModel
) -> None:
    phi = _phi(20)
    said = Predictor(checkpoint).tracklet("a", phi)
    _, guesses = checkpoint.network()(torch.from_numpy(phi)[None])
    now = guesses[Head(False, 0)]
    np.testing.assert_allclose(said.rotations, now.rotations_BTJ33[0].detach(), atol=1e-6)
    points, joints = keypoint_model(now.rotations_BTJ33[0], now.betas_BTK[0])
    np.testing.assert_allclose(said.keypoints_3d, (points - joints[:, :1]).detach(), atol=1e-5)
    assert said.future is not None
    np.testing.assert_allclose(said.future.rotations, guesses[Head(False, 5)].rotations_BTJ33[0].detach(), atol=1e-6)


def test_a_long_tracklet_is_windows_of_the_training_length(checkpoint: Checkpoint) -> None:
    """GroupNorm spans the window: frame 30 of 60 must come from a window of 20 around it, not from all 60."""
    predictor, phi = Predictor(checkpoint), _phi(60)
    said = predictor.tracklet("a", phi)
    whole = checkpoint.network()(torch.from_numpy(phi)[None])[1][Head(False, 0)].rotations_BTJ33[0].detach().numpy()
    window = predictor.tracklet("a", phi[24:44]).rotations  # the plan keeps frames 30 to 37 of this one
    np.testing.assert_allclose(said.rotations[30:36], window[6:12], atol=1e-5)
    assert np.abs(said.rotations[30:36] - whole[30:36]).max() > 1e-3


@pytest.mark.parametrize("frames", [1, 2, 13, 19, 21, 37])
def test_any_length_gives_every_frame_of_every_head(checkpoint: Checkpoint, frames: int) -> None:
    said = Predictor(checkpoint).tracklet("a", _phi(frames))
    poses = [said.past, said.future, said.hallucinated, said.hallucinated_past, said.hallucinated_future]
    assert said.betas.shape == (frames, 10)
    assert said.camera.shape == (frames, 3)
    for pose in (said, *poses):
        assert pose is not None
        assert pose.keypoints_3d.shape == (frames, 25, 3)
        assert np.isfinite(pose.rotations).all()


def test_the_papers_windows_are_another_plan(checkpoint: Checkpoint) -> None:
    predictor, phi = Predictor(checkpoint), _phi(40)
    padded, inner = predictor.tracklet("a", phi, paper_windows), predictor.tracklet("a", phi)
    assert padded.rotations.shape == inner.rotations.shape
    assert np.abs(padded.rotations[0] - inner.rotations[0]).max() > 1e-3


def test_no_frame_is_an_error_by_name(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="who: has no frame"):
        Predictor(checkpoint).tracklet("who", _phi(0))


@pytest.fixture
def lake(tmp_path) -> Lake:  # type: ignore[no-untyped-def]
    lake = Lake(tmp_path / "lake")
    rows = [tracklet_row(source_name(i), fps_num=fps) for i, fps in enumerate([25, 25, 60])]
    features = [feature_row(row, dim=48, phi_name="blazepose_penultimate") for row in rows]
    features[1]["phi_name"] = "another"
    lake.append("tracklets", rows_to_table("tracklets", rows))
    lake.append("features", rows_to_table("features", features))
    return lake


def test_predicts_the_tracklets_of_a_lake_that_have_its_phi(lake: Lake, checkpoint: Checkpoint, tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    with pytest.warns(UserWarning, match="60 fps"):
        found = predict_lake(tmp_path / "model.pt", lake)
    names = [tracklet_row(source_name(i))["tracklet_id"] for i in range(3)]
    assert set(found) == {names[0], names[2]}
    assert set(predict_lake(checkpoint, lake, [names[0]])) == {names[0]}


def test_a_phi_of_another_size_is_an_error_by_name(lake: Lake, small_config: TrainConfig) -> None:
    wrong = Checkpoint(small_config, 32, "open24", 1, None, HMMR(small_config.model, 32).state_dict())
    with pytest.raises(ValueError, match="phi has 48 numbers, not 32"):
        predict_lake(wrong, lake)


def test_rotations_are_rotations(checkpoint: Checkpoint) -> None:
    R = Predictor(checkpoint).tracklet("a", _phi(5)).rotations
    assert np.allclose(R @ R.swapaxes(-1, -2), axis_angle_to_matrix(torch.zeros(3)).numpy(), atol=1e-5)


def test_phi_is_read_a_few_tracklets_at_a_time(checkpoint: Checkpoint, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for i in range(12):
        row = tracklet_row(source_name(i), frames=400)
        lake.append("tracklets", rows_to_table("tracklets", [row]))
        lake.append("features", rows_to_table("features", [feature_row(row, 48, "blazepose_penultimate")]))
    held: list[int] = []

    def watched(frames: int, window: int) -> list[Window]:
        time.sleep(0.02)  # long enough to read ahead
        held.append(pa.total_allocated_bytes())
        return inner_windows(frames, window)

    whole = sum(lake.read(name).nbytes for name in ("tracklets", "features"))
    predictor, features = Predictor(checkpoint), read_phi(lake, "blazepose_penultimate")
    expected = {name: predictor.tracklet(name, features[name]) for name in sorted(features)}
    before = pa.total_allocated_bytes()
    found = predict_lake(predictor, lake, windows=watched)
    assert list(found) == list(expected)
    for name, said in found.items():
        np.testing.assert_array_equal(said.keypoints_3d, expected[name].keypoints_3d)
        np.testing.assert_array_equal(said.camera, expected[name].camera)
    assert max(held) - before < whole / 3


ALL = pytest.mark.parametrize("plan", [inner_windows, sliding_windows, ending_windows, starting_windows])


@ALL
@given(frames=st.integers(1, 130), window=st.sampled_from([2, 13, 20]))
def test_kept_middles_tile_the_tracklet_once(plan: Callable[..., list[Window]], frames: int, window: int) -> None:
    kept = [w.frames_W[w.kept] for w in plan(frames, window)]
    assert np.concatenate(kept).tolist() == list(range(frames))
    assert [w.first for w in plan(frames, window)] == [int(k[0]) for k in kept]


@ALL
@given(frames=st.integers(1, 130))
def test_every_window_is_as_long_as_in_training(plan: Callable[..., list[Window]], frames: int) -> None:
    assert {len(w.frames_W) for w in plan(frames, 20)} == {20}


@given(st.integers(20, 130))
def test_inner_windows_are_ones_that_training_could_draw(frames: int) -> None:
    for window in inner_windows(frames, 20):
        assert np.array_equal(np.diff(window.frames_W), np.ones(19))


def test_the_papers_plan_keeps_the_middle_eight_of_twenty() -> None:
    plan = sliding_windows(40, 20)
    assert [w.first for w in plan] == [0, 8, 16, 24, 32]
    assert {(w.kept.start, w.kept.stop) for w in plan} == {(6, 14)}
    assert plan[0].frames_W[:7].tolist() == [0] * 7  # the edge repeated in place of grey images


def test_inside_the_tracklet_six_frames_a_side_are_dropped() -> None:
    first, *middle, last = inner_windows(60, 20)
    assert (first.kept.start, first.kept.stop) == (0, 14)
    assert {w.kept.start for w in middle} == {6}
    assert last.kept.stop == 20


def test_one_photograph_stands_still() -> None:
    (window,) = inner_windows(1, 20)
    assert window.frames_W.tolist() == [0] * 20
    assert window.kept == slice(0, 1)


def test_a_window_for_the_future_holds_nothing_after_its_frame_and_one_for_the_past_nothing_before() -> None:
    for t, (ending, starting) in enumerate(zip(ending_windows(40, 20), starting_windows(40, 20), strict=True)):
        assert (ending.first, starting.first) == (t, t)
        assert ending.frames_W.max() == ending.frames_W[ending.kept][0] == t
        assert starting.frames_W.min() == starting.frames_W[starting.kept][0] == t
