from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.protocols.registry import OPEN_V1
from evaluation.score import score_sequences
from flows.head_errors import head_errors
from hmmr_model.checkpoint import Checkpoint, save_checkpoint
from hmmr_model.configs import DataConfig, ModelConfig, TrainConfig
from hmmr_model.network import HMMR
from hmmr_model.predict import Window, ending_windows, predict_lake
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import read_labels3d, rows_to_table

FRAMES = 32


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """One tracklet with made-up φ and labels."""
    row = tracklet_row(source_name(0), frames=FRAMES)
    label = {
        "tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": "f:0", "split": "dev",
        "body": "none", "valid": np.ones(FRAMES, bool), "keypoints_2d": np.ones((FRAMES, 75), np.float32),
        "keypoints_3d": np.random.default_rng(3).normal(0, 0.3, (FRAMES, 75)).astype(np.float32),
    }  # fmt: skip
    lake = Lake(tmp_path / "lake")
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75)]))
    lake.append("labels3d", rows_to_table("labels3d", [label]))
    lake.append("tracklets", rows_to_table("tracklets", [row]))
    return lake


def _checkpoint(path: Path, still: bool) -> Path:
    torch.manual_seed(0)
    model = ModelConfig(width=16, groups=2, regressor_width=16)
    config = TrainConfig(preset="test", model=model, data=DataConfig(phi_name="keypoints"))
    weights = HMMR(model, 75).state_dict()
    for name, value in weights.items():
        if name.startswith("delta_regressors"):
            value.mul_(0.0 if still else 50.0)
    save_checkpoint(path, Checkpoint(config, 75, "open24", 1, None, weights))
    return path


def test_delta_heads_that_add_nothing_are_nothing_moves(lake: Lake, tmp_path: Path) -> None:
    found = head_errors(_checkpoint(tmp_path / "still.pt", still=True), lake, "dev")
    moved = head_errors(_checkpoint(tmp_path / "moved.pt", still=False), lake, "dev")
    for way in ("future", "past", "hallucinated_future", "hallucinated_past"):
        assert found[f"{way}/head/mpjpe_mm"] == pytest.approx(found[f"{way}/nothing_moves/mpjpe_mm"])
        assert moved[f"{way}/head/mpjpe_mm"] != pytest.approx(moved[f"{way}/nothing_moves/mpjpe_mm"], abs=0.1)


def test_the_end_of_the_window_is_held_against_five_frames_on(lake: Lake, tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path / "still.pt", still=True)
    labels = read_labels3d(lake)
    ((name, label),) = labels.items()
    said = predict_lake(checkpoint, lake, [name], windows=ending_windows)[name].keypoints_3d
    shifted = np.full_like(said, np.nan)
    shifted[24:] = said[19:-5]
    ((score),) = score_sequences({name: shifted}, labels, OPEN_V1)
    assert np.isfinite(score.per_frame["mpjpe_mm"]).sum() == FRAMES - 24
    found = head_errors(checkpoint, lake, "dev")
    assert found["future/nothing_moves/mpjpe_mm"] == pytest.approx(score.value("mpjpe_mm"), rel=1e-5)
    assert label.split == "dev"


def test_velocity_is_of_the_same_window_five_frames_earlier(lake: Lake, tmp_path: Path) -> None:
    """Each window is asked once and read twice; here it is asked twice."""
    checkpoint = _checkpoint(tmp_path / "moved.pt", still=False)
    labels = read_labels3d(lake)
    (name,) = labels

    def said(moved: int) -> np.ndarray:
        def windows(frames: int, window: int) -> list[Window]:
            plan = ending_windows(frames, window)
            return [Window(each.frames_W, slice(window - 1 + moved, window + moved), each.first) for each in plan]

        return predict_lake(checkpoint, lake, [name], windows=windows)[name].keypoints_3d

    shifted = np.full_like(said(0), np.nan)
    shifted[24:] = (2 * said(0) - said(-5))[19:-5]
    ((score),) = score_sequences({name: shifted}, labels, OPEN_V1)
    found = head_errors(checkpoint, lake, "dev")
    assert found["future/constant_velocity/mpjpe_mm"] == pytest.approx(score.value("mpjpe_mm"), rel=1e-5)
    assert found["future/constant_velocity/mpjpe_mm"] != pytest.approx(found["future/nothing_moves/mpjpe_mm"], abs=0.1)
