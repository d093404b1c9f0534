"""`hmmr data check`: what is missing, broken or the wrong way round is said by file."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from body.joints import COCO_17
from evaluation.camera import Camera
from evaluation.errors import BadDatasetError
from evaluation.readers.data_check import check_dataset, check_sequence, reprojection_px
from evaluation.readers.datasets import DATASETS, Part, dataset_named
from evaluation.readers.pictures import pictures
from evaluation.sequence import BenchmarkSequence, Joints


@pytest.fixture
def penn(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    for number in ("0001", "0002"):
        x = np.arange(39.0).reshape(3, 13)
        entries = {"x": x, "y": x, "visibility": np.ones((3, 13)), "train": 1, "nframes": 3}
        savemat(tmp_path / "labels" / f"{number}.mat", entries)
        (tmp_path / "frames" / number).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(tmp_path / "frames" / number / f"{i + 1:06d}.jpg"), np.full((8, 6, 3), 40 * i, np.uint8))
    return tmp_path


def test_files_are_reported_one_by_one_and_the_release_is_larger(penn: Path) -> None:
    (penn / "labels" / "0002.mat").write_bytes(b"torn")
    first, second, whole = check_dataset(DATASETS["penn_action"], penn)
    assert first.ok
    assert first.words == "1 sequences, 3 frames, 3 valid"
    assert not second.ok
    assert "not a MATLAB file" in second.words
    assert not whole.ok
    assert whole.words == "2 of 2326 files"


def test_missing_pictures_are_counted(penn: Path) -> None:
    (penn / "frames" / "0001" / "000002.jpg").unlink()
    report = next(check_dataset(DATASETS["penn_action"], penn))
    assert not report.ok
    assert "1 of 3 pictures are missing, first 000002.jpg" in report.words
    sequence = next(iter(DATASETS["penn_action"].sequences(penn)))
    assert [picture is None for picture in pictures(sequence, penn)] == [False, True, False]


def test_every_dataset_says_what_it_expects_and_refuses_an_empty_folder(tmp_path: Path) -> None:
    for dataset in DATASETS.values():
        with pytest.raises(BadDatasetError, match="Expected"):
            dataset.files(tmp_path)
    with pytest.raises(BadDatasetError, match="known are 3dpw, h36m"):
        dataset_named("3dp")


def _athlete(shared_data: Path) -> BenchmarkSequence:
    return next(iter(DATASETS["pose2sim"].sequences(shared_data / "real_video")))


def test_a_camera_that_does_not_fit_is_found(shared_data: Path) -> None:
    points = np.load(shared_data / "real_video" / "pose2sim_single_reference.npz")["joints_m"][:, :, [0, 2, 1]]
    points = points * [1, -1, 1] + np.array([0, 0, 5])
    camera = Camera(np.array([1000.0, 1000]), np.array([500.0, 500]))
    pixels = np.concatenate([camera.project(points), np.ones((100, 17, 1))], -1)
    still = {"dataset": "x", "split": "", "name": "s", "fps": 25.0, "frame_ids": np.arange(100)}
    sequence = BenchmarkSequence(
        **still,
        valid=np.ones(100, bool),
        joints_3d=Joints(COCO_17, points),
        joints_2d=Joints(COCO_17, pixels),
        camera=camera,
    )
    assert reprojection_px(sequence) == pytest.approx(0, abs=1e-6)
    assert check_sequence(sequence) == []
    moved = Camera(camera.focal, camera.centre, translation=np.array([0.0, 0, 0]), rotation=np.eye(3))
    moved.centre[:] = 600
    assert "projects" in check_sequence(BenchmarkSequence(**{**vars(sequence), "camera": moved}))[0]


def test_hazard_24_a_real_copy_passes_and_the_videos_narrower_size_is_known(shared_data: Path) -> None:
    sequence = _athlete(shared_data)
    assert check_sequence(sequence) == []
    first = next(pictures(sequence, shared_data))
    assert first.shape == (1920, 1080, 3)


def test_instavariety_and_coco_lie_as_the_table_says(tmp_path: Path) -> None:
    track = tmp_path / "golf" / "v" / "3"
    track.mkdir(parents=True)
    (track / "0.json").write_text(
        json.dumps({"frame": 0, "Neck": {"x": 1, "y": 2, "logits": 0.9, "probability": None}})
    )
    (report,) = check_dataset(DATASETS["instavariety"], tmp_path)
    assert report.ok
    assert report.words == "1 sequences, 1 frames, 1 valid"
    assert isinstance(DATASETS["coco"].parts[0], Part)
