"""MPI-INF-3DHP: train by scipy's savemat and a Skeletool text, test by h5py."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from evaluation.errors import BadDatasetError
from evaluation.readers.datasets import DATASETS

K = np.array([[1497.693, 0, 1024.704, 0], [0, 1497.103, 1051.394, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def _calibration(cameras: range) -> str:
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera in cameras:
        outer = np.eye(4)
        outer[:3, 3] = [10 * camera, 20, 3000]
        lines += [
            f"name          {camera}",
            "  sensor      10 10",
            "  size        2048 2048",
            "  animated    0",
            "  intrinsic   " + " ".join(map(str, K.ravel())),
            "  extrinsic   " + " ".join(map(str, outer.ravel())),
            "  radial      0",
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def train(tmp_path: Path) -> Path:
    folder = tmp_path / "S1" / "Seq2"
    folder.mkdir(parents=True)
    points = np.random.default_rng(0).normal(0, 400, (14, 6, 28, 3)) + np.array([0, 0, 3500])
    pixels = points[..., :2] / points[..., 2:] * [K[0, 0], K[1, 1]] + [K[0, 2], K[1, 2]]
    cells = {}
    for name, values in (("annot3", points.reshape(14, 6, 84)), ("annot2", pixels.reshape(14, 6, 56))):
        cells[name] = np.empty((14, 1), object)
        for camera in range(14):
            cells[name][camera, 0] = values[camera]
    savemat(folder / "annot.mat", cells)
    (folder / "camera.calibration").write_text(_calibration(range(14)))
    np.save(tmp_path / "points.npy", points)
    return tmp_path


def test_train_is_in_metres_of_each_camera_and_projects_onto_its_2d(train: Path) -> None:
    sequences = list(DATASETS["mpi_inf_3dhp"].sequences(train))
    assert [s.name for s in sequences] == [f"S1/Seq2/{camera}" for camera in (0, 1, 2, 4, 5, 6, 7, 8)]
    for sequence in sequences:
        assert (sequence.fps, sequence.split) == (50.0, "train")
        pixels = sequence.camera.project(sequence.joints_3d.points)
        np.testing.assert_allclose(pixels, sequence.joints_2d.points[..., :2], atol=1e-6)
    points = np.load(train / "points.npy")
    np.testing.assert_allclose(sequences[3].joints_3d.pick(["left_toe"])[:, 0], points[4, :, 22] / 1000)
    np.testing.assert_allclose(sequences[3].camera.translation, [0.04, 0.02, 3.0])


def test_a_calibration_without_the_camera_is_named(train: Path) -> None:
    (train / "S1" / "Seq2" / "camera.calibration").write_text(_calibration(range(3)))
    with pytest.raises(BadDatasetError, match="has no camera 4"):
        list(DATASETS["mpi_inf_3dhp"].sequences(train))


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for name, frames in (("TS1", 5), ("TS6", 3)):
        folder = tmp_path / name
        folder.mkdir()
        with h5py.File(folder / "annot_data.mat", "w") as file:
            file["annot2"] = rng.uniform(0, 2048, (frames, 1, 17, 2))
            file["annot3"] = rng.normal(0, 400, (frames, 1, 17, 3))
            file["univ_annot3"] = np.arange(frames * 51.0).reshape(frames, 1, 17, 3)
            file["valid_frame"] = np.array([[1]] * (frames - 1) + [[0]], float)
            file["activity_annotation"] = np.ones((frames, 1))
    return tmp_path


def test_test_set_scores_the_normalised_truth_and_keeps_the_releases_valid_flag(test_set: Path) -> None:
    first, last = DATASETS["mpi_inf_3dhp"].sequences(test_set)
    assert (first.name, last.name, len(first)) == ("TS1", "TS6", 5)
    assert first.valid.tolist() == [True] * 4 + [False]
    np.testing.assert_allclose(first.joints_3d.pick(["pelvis"])[0, 0], [0.042, 0.043, 0.044])
    assert first.images[0] == test_set / "TS1" / "imageSequence" / "img_000001.jpg"
    assert first.fps is None


def test_broken_files_are_named(test_set: Path, tmp_path: Path) -> None:
    with h5py.File(test_set / "TS1" / "annot_data.mat", "a") as file:
        del file["valid_frame"]
    with pytest.raises(BadDatasetError, match=r"TS1.*has no valid_frame"):
        list(DATASETS["mpi_inf_3dhp"].sequences(test_set))
    (test_set / "TS1" / "annot_data.mat").write_bytes(b"\x89HDF\r\n\x1a\n torn")
    with pytest.raises(BadDatasetError, match="not a whole HDF5"):
        list(DATASETS["mpi_inf_3dhp"].sequences(test_set))
    with pytest.raises(BadDatasetError, match=r"holds nothing of mpi_inf_3dhp"):
        list(DATASETS["mpi_inf_3dhp"].sequences(tmp_path / "nowhere"))
