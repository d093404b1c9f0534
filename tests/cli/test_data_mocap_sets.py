"""Human3.6M and MPI-INF-3DHP through `hmmr data prepare` and `hmmr evaluate`: files as downloaded, one cartoon."""

import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from body.joints import KEYPOINTS_25
from cli.main import app
from evaluation.readers.truth_files import read_truth
from storage.lake import Lake
from storage.tables import iter_tracklets, read_labels3d

DISTANCE_M = 3.5
H36M_CAMERAS = ("54138969", "55011271", "58860488", "60457274")
SMPL_OF_H36M = {0: 0, 1: 2, 2: 5, 3: 8, 6: 1, 7: 4, 8: 7, 12: 6, 13: 12, 14: 15, 15: 15, 17: 16, 18: 18, 19: 20,
                25: 17, 26: 19, 27: 21}  # fmt: skip
"""Which of the 32 raw points is which SMPL joint; the nose and the top of the head are both the head."""
SMPL_OF_MPI3D = (15, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 0, 6, 15)
"""The test set's 17: head_top, neck, right arm, left arm, right leg, left leg, pelvis, spine, head."""


def _run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def _evaluate(place: Path, scorer: Path, dataset: str, protocol: str, *more: object, code: int = 0) -> str:
    return _run(
        "evaluate", "--protocol", protocol, "--checkpoint", scorer / "model.pt", "--data", f"{dataset}:{place}/lake",
        "--lake", place / "scores", "--json", place / f"{protocol}.json", "--unchecked", *more, code=code,
    )  # fmt: skip


def _mesh(scorer: Path) -> tuple[object, ...]:
    return ("--smpl", scorer / "smpl", "--regressor", scorer / "regressor.npy")


def _seen(cartoon) -> np.ndarray:
    """Joints (T, 24, 3) m for a camera in front of the cartoon: x right, y down."""
    return cartoon.joints * [1, -1, -1] + [0, 0, DISTANCE_M]


def write_h36m(root: Path, cartoon, draw) -> None:
    """S9's "Walking 1" at 50 frames a second: converted positions, four videos, metadata.xml with equal cameras."""
    world_mm = np.zeros((len(cartoon.joints), 32, 3))
    for raw, joint in SMPL_OF_H36M.items():
        world_mm[:, raw] = cartoon.joints[:, joint] * 1000
    cell = np.empty((1, 1), object)
    cell[0, 0] = world_mm.reshape(-1, 96)
    (root / "S9" / "MyPoseFeatures" / "D3_Positions").mkdir(parents=True)
    savemat(root / "S9" / "MyPoseFeatures" / "D3_Positions" / "Walking 1.cdf.mat", {"data": cell})
    outer, inner = [np.pi, 0, 0, 0, 0, DISTANCE_M * 1000], [cartoon.focal] * 2 + [*cartoon.centre] + [0.0] * 5
    numbers = " ".join(map(str, outer * 44 + inner * 4))
    (root / "metadata.xml").write_text(f"<metadata><w0>[{numbers}]</w0></metadata>")
    (root / "S9" / "Videos").mkdir()
    for camera in H36M_CAMERAS:
        name = str(root / "S9" / "Videos" / f"Walking 1.{camera}.mp4")
        video = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*"mp4v"), 50, (240, 320))
        for pixels in cartoon.pixels(_seen(cartoon)):
            video.write(draw(pixels))
        video.release()


def write_mpi3d(root: Path, cartoon, draw) -> None:
    """TS1 of the test set: HDF5 labels and pictures; frame 5 and the last one are flagged invalid."""
    points, frames = _seen(cartoon)[:, SMPL_OF_MPI3D], len(cartoon.joints)
    (root / "TS1" / "imageSequence").mkdir(parents=True)
    with h5py.File(root / "TS1" / "annot_data.mat", "w") as file:
        file["annot2"], file["univ_annot3"] = cartoon.pixels(points)[:, None], points[:, None] * 1000
        file["valid_frame"] = np.array([[i not in (5, frames - 1)] for i in range(frames)], float)
    for i, pixels in enumerate(cartoon.pixels(_seen(cartoon))):
        cv2.imwrite(str(root / "TS1" / "imageSequence" / f"img_{i + 1:06d}.jpg"), draw(pixels))


@pytest.fixture(scope="module")
def h36m(tmp_path_factory: pytest.TempPathFactory, make_cartoon, draw) -> Path:
    """52 frames seen by four cameras, prepared."""
    root = tmp_path_factory.mktemp("h36m")
    write_h36m(root, make_cartoon(52), draw)
    done = _run("data", "prepare", "h36m", root, "--out", root / "lake", "--phi", "keypoints")
    assert "4 tracklets, 104 frames written, 0 were there" in done
    assert "missing_pictures" not in done
    return root


@pytest.fixture(scope="module")
def mpi3d(tmp_path_factory: pytest.TempPathFactory, make_cartoon, draw) -> Path:
    """26 frames of TS1, prepared."""
    root = tmp_path_factory.mktemp("mpi3d")
    write_mpi3d(root, make_cartoon(26), draw)
    done = _run("data", "prepare", "mpi_inf_3dhp", root, "--out", root / "lake", "--phi", "keypoints")
    assert "1 tracklets, 25 frames written, 0 were there" in done
    return root


def test_h36m_is_prepared_at_25_frames_a_second_with_the_mocap_in_the_camera(h36m: Path, make_cartoon) -> None:
    lake, expected = Lake(h36m / "lake"), _seen(make_cartoon(52))[::2]
    labels = read_labels3d(lake, split="test")
    assert sorted(label.truth_id for label in labels.values()) == [f"S9/Walking 1/{name}" for name in H36M_CAMERAS]
    for tracklet in iter_tracklets(lake):
        label = labels[tracklet.tracklet_id]
        assert (tracklet.fps, len(label.valid), label.valid.all()) == (25.0, 26, True)
        truth = read_truth(h36m / "lake", tracklet.tracklet_id)
        np.testing.assert_allclose(truth.pick(["left_wrist"])[:, 0], expected[:, 20], atol=1e-5)
        knee = KEYPOINTS_25.index("right_knee")
        np.testing.assert_allclose(label.keypoints_3d[:, knee], expected[:, 5], atol=1e-5)
        assert label.rotations is None


@pytest.mark.parametrize(("protocol", "cameras", "stride"), [("h36m_p1", 4, 5), ("h36m_p2", 1, 5), ("hmmr_2019", 1, 1)])
def test_h36m_protocols_score_their_cameras_and_frames(
    h36m: Path, scorer: Path, protocol: str, cameras: int, stride: int
) -> None:
    out = _evaluate(h36m, scorer, "h36m", protocol, *(() if protocol == "hmmr_2019" else _mesh(scorer)))
    told = json.loads((h36m / f"{protocol}.json").read_text())
    scored = len(range(0, 26, stride))
    assert told["averages"]["pa_mpjpe_mm"]["n_frames"] == scored * cameras
    assert len(told["sequences"]) == cameras
    left_out = {"stride": 26 - scored} if stride > 1 else {}
    assert all(sequence["excluded"] == left_out for sequence in told["sequences"])
    assert ("accel_pred_mm_frame2" in told["averages"]) == (stride == 1)
    # a network that was never trained is wrong, but says a body: neither zero nor metres away
    assert 0.1 < told["averages"]["pa_mpjpe_mm"]["macro"] < 2000
    assert ("83.7" in out) == (protocol == "hmmr_2019")
    assert ("  mpjpe_mm " in out) == (protocol != "h36m_p2")


def test_mpi3d_scores_valid_frames_and_its_own_17_joints(mpi3d: Path, scorer: Path, make_cartoon) -> None:
    (tracklet,) = iter_tracklets(Lake(mpi3d / "lake"))
    truth = read_truth(mpi3d / "lake", tracklet.tracklet_id)
    np.testing.assert_allclose(truth.pick(["right_ankle"])[:, 0], _seen(make_cartoon(26))[:25, 8], atol=1e-5)
    out = _evaluate(mpi3d, scorer, "mpi_inf_3dhp", "mpi_inf_3dhp", *_mesh(scorer))
    told = json.loads((mpi3d / "mpi_inf_3dhp.json").read_text())
    (sequence,) = told["sequences"]
    assert (sequence["sequence"], sequence["n_frames"], sequence["excluded"]) == ("TS1", 24, {"no_label": 1})
    assert 0.1 < sequence["mpjpe_mm"] < 2000
    assert 0 <= sequence["pck_150mm"] <= 1
    assert "auc_150mm" in out
    assert told["averages"]["mpjpe_mm"]["macro_95"] == [None, None]
    # the release does not say its frame rate, so no m/s^2 is printed (hazard 7)
    assert "accel_error_m_s2" not in sequence


def test_their_joints_need_the_mesh(mpi3d: Path, h36m: Path, scorer: Path) -> None:
    for place, dataset, protocol in ((h36m, "h36m", "h36m_p1"), (mpi3d, "mpi_inf_3dhp", "mpi_inf_3dhp")):
        assert "Give --smpl DIR and --regressor FILE" in _evaluate(place, scorer, dataset, protocol, code=2)
        smpl = ("--smpl", scorer / "smpl")
        assert "give --regressor FILE" in _evaluate(place, scorer, dataset, protocol, *smpl, code=2)
