"""The real-video reference: right way up, in front of the camera, both views one motion."""

from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, LIMBS_12, indices
from evaluation.errors import BadDatasetError
from evaluation.metrics import mpjpe, pa_mpjpe
from evaluation.protocols.registry import OPEN_V1
from evaluation.readers.pose2sim import Pose2SimReference, read_pose2sim
from evaluation.score import score_sequences

LIMBS = indices(LIMBS_12, KEYPOINTS_25)


@pytest.fixture
def views(shared_data: Path) -> list[Pose2SimReference]:
    folder = shared_data / "real_video"
    files = folder / "pose2sim_single_reference.npz", folder / "pose2sim_single_calib.qca.txt"
    return [read_pose2sim(*files, camera) for camera in ("cam01", "cam02")]


def test_the_athlete_stands_before_both_cameras_head_up(views: list[Pose2SimReference]) -> None:
    nose, ankles = 14, [23, 24]
    for view in views:
        assert view.image_size == (1088, 1920)
        assert np.nanmin(view.keypoints_3d[..., 2]) > 2
        assert (view.keypoints_3d[:, nose, 1] < view.keypoints_3d[:, ankles, 1].min(1)).all()
        seen = view.keypoints_2d[view.keypoints_2d[..., 2] > 0]
        assert (seen[:, :2] > 0).all()
        assert (seen[:, :2] < view.image_size).all()


def test_both_views_are_one_rigid_scene_and_not_mirrored(views: list[Pose2SimReference]) -> None:
    first, second = (view.keypoints_3d[:, LIMBS] for view in views)
    assert float(pa_mpjpe(first, second).max()) < 1e-2
    centred = [points - points.mean(1, keepdims=True) for points in (first, second)]
    assert float(mpjpe(*centred).mean()) > 50


def test_labels_follow_the_decoded_frames_of_a_tracklet(views: list[Pose2SimReference]) -> None:
    label = views[0].labels(np.array([0, 2, 5, 99, 100], np.int32))
    assert label.valid.tolist() == [True, True, True, True, False]
    (score,) = score_sequences({"a": views[0].keypoints_3d[[0, 2, 5, 99, 0]]}, {"a": label}, OPEN_V1)
    assert (score.n_frames, score.excluded) == (4, {"no_label": 1})
    assert score.value("pa_mpjpe_mm") == pytest.approx(0, abs=1e-3)
    assert np.isnan(label.keypoints_3d[0, KEYPOINTS_25.index("head_top")]).all()


def test_wrong_files_are_named(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "real_video"
    calibration = folder / "pose2sim_single_calib.qca.txt"
    with pytest.raises(BadDatasetError, match="no camera cam09; it has cam01"):
        read_pose2sim(folder / "pose2sim_single_reference.npz", calibration, "cam09")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"no zip")
    with pytest.raises(BadDatasetError, match=r"broken\.npz"):
        read_pose2sim(broken, calibration, "cam01")
    with pytest.raises(BadDatasetError, match="Qualisys"):
        read_pose2sim(folder / "pose2sim_single_reference.npz", broken, "cam01")
