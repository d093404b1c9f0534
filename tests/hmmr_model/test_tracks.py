from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmmr_model.configs import DataConfig
from hmmr_model.tracks import read_tracks
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

CONFIG = DataConfig(phi_name="keypoints")
FRAMES = 30


def _label_row(tracklet: dict[str, Any], **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "truth_id": "film/0",
        "split": "labelled", "body": "open24", "valid": np.ones(FRAMES, bool),
        "keypoints_3d": rng.normal(size=(FRAMES, 75)).astype(np.float32),
        "keypoints_2d": rng.uniform(0, 300, (FRAMES, 75)).astype(np.float32),
        "rotations": np.tile(np.eye(3, dtype=np.float32).ravel(), (FRAMES, 24)), "betas": np.ones(10, np.float32),
        "translation": np.zeros((FRAMES, 3), np.float32),
    } | changes  # fmt: skip


def _lake(root: Path, tracklets: list[dict[str, Any]], labels: list[dict[str, Any]]) -> Lake:
    lake = Lake(root)
    lake.append("features", rows_to_table("features", [feature_row(t) for t in tracklets]))
    if labels:
        lake.append("labels3d", rows_to_table("labels3d", labels))
    lake.append("tracklets", rows_to_table("tracklets", tracklets))
    return lake


def _tracklet(index: int, **changes: Any) -> dict[str, Any]:
    boxes = np.tile(np.array([100, 50, 300, 250], np.float32), (FRAMES, 1))
    return tracklet_row(source_name(index), frames=FRAMES, boxes=boxes, **changes)


def test_pixels_become_crop_coordinates(tmp_path: Path) -> None:
    keypoints = np.tile(np.array([100, 50, 0.9], np.float32), (FRAMES, 25))
    keypoints[:, 3:6] = [300, 150, 0.4]
    (track,) = read_tracks(_lake(tmp_path, [_tracklet(0, keypoints=keypoints)], []), CONFIG, None, None)
    np.testing.assert_allclose(track.keypoints_TJ3[0, 0], [-1, -1, 0.9], atol=1e-6)
    np.testing.assert_allclose(track.keypoints_TJ3[0, 1], [1, 0, 0.4], atol=1e-6)
    assert track.phi_TD.shape == (FRAMES, 8)


def test_labels_come_only_where_asked_for(tmp_path: Path) -> None:
    tracklets = [_tracklet(0), _tracklet(1)]
    lake = _lake(tmp_path, tracklets, [_label_row(tracklets[0])])
    assert [t.labels for t in read_tracks(lake, CONFIG, None, None)] == [None, None]
    (labelled,) = read_tracks(lake, CONFIG, None, "open24")
    assert labelled.tracklet_id == tracklets[0]["tracklet_id"]
    assert labelled.labels is not None
    assert labelled.labels.betas_TK.tolist() == [[1.0] * 10] * FRAMES


def test_held_out_splits_train_neither_as_labelled_nor_as_pseudo_labelled(tmp_path: Path) -> None:
    tracklets = [_tracklet(0), _tracklet(1)]
    rows = [_label_row(tracklets[0], split="test"), _label_row(tracklets[1])]
    lake = _lake(tmp_path, tracklets, rows)
    for body in (None, "open24"):
        (kept,) = read_tracks(lake, CONFIG, None, body, CONFIG.held_out)
        assert kept.tracklet_id == tracklets[1]["tracklet_id"]


def test_frames_and_joints_without_a_label_weigh_nothing(tmp_path: Path) -> None:
    tracklet = _tracklet(0)
    valid = np.ones(FRAMES, bool)
    valid[4] = False
    points = np.ones((FRAMES, 75), np.float32)
    points[7, 3:6] = np.nan
    row = _label_row(tracklet, valid=valid, keypoints_3d=points)
    (track,) = read_tracks(_lake(tmp_path, [tracklet], [row]), CONFIG, None, "open24")
    labels = track.labels
    assert labels is not None
    assert not labels.joints_weight_TJ[4].any()
    assert labels.joints_weight_TJ[7].tolist() == [1.0, 0.0, *[1.0] * 23]
    assert labels.rotations_weight_T.tolist() == valid.astype(float).tolist()
    assert not labels.keypoints_TJ3[4, :, 2].any()
    assert np.isfinite(labels.joints_TJ3).all()


@pytest.mark.parametrize("changes", [{"body": "smpl"}, {"rotations": None, "betas": None}])
def test_another_bodys_rotations_do_not_count_but_its_joints_do(tmp_path: Path, changes: dict[str, Any]) -> None:
    tracklet = _tracklet(0)
    (track,) = read_tracks(_lake(tmp_path, [tracklet], [_label_row(tracklet, **changes)]), CONFIG, None, "open24")
    assert track.labels is not None
    assert not track.labels.rotations_weight_T.any()
    assert not track.labels.betas_weight_T.any()
    assert track.labels.joints_weight_TJ.all()


@pytest.mark.parametrize(("fps", "kept"), [(15, 0), (20, 1), (25, 1), (30, 1), (60, 0)])
def test_only_rates_that_training_takes(tmp_path: Path, fps: int, kept: int) -> None:
    assert len(read_tracks(_lake(tmp_path, [_tracklet(0, fps_num=fps)], []), CONFIG, None, None)) == kept


def test_too_short_or_without_the_feature_is_left_out(tmp_path: Path) -> None:
    lake = _lake(tmp_path, [_tracklet(0), tracklet_row(source_name(1), frames=19)], [])
    assert len(read_tracks(lake, CONFIG, None, None)) == 1
    assert read_tracks(lake, DataConfig(phi_name="other"), None, None) == []
