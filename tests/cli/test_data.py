"""`hmmr data prepare` and `hmmr evaluate` on a benchmark fixture with drawn pictures: 3DPW's own files, one cartoon."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from storage.lake import Lake
from storage.tables import iter_tracklets, read_labels3d

FRAMES = 26
FOCAL, CENTRE = 420.0, np.array([120.0, 160.0])
SMPL_OF_OPENPOSE = {
    1: 12, 2: 17, 3: 19, 4: 21, 5: 16, 6: 18, 7: 20, 8: 2, 9: 5, 10: 8, 11: 1, 12: 4, 13: 7,
}  # fmt: skip
"""Column of poses2d to SMPL joint: neck, then the limbs."""


def write_3dpw(root: Path, cartoon, draw) -> None:
    """sequenceFiles/test/cartoon_00.pkl with two actors, and its pictures as stick figures."""
    poses, joints, trans = cartoon.axis_angles, cartoon.joints, cartoon.trans
    camera = np.tile(np.eye(4), (FRAMES, 1, 1))
    camera[:, :3, :3], camera[:, :3, 3] = np.diag([1.0, -1, -1]), [0, 0.2, 3.5]
    seen = joints @ camera[0, :3, :3].T + camera[0, :3, 3]
    pixels = cartoon.pixels(seen)
    poses2d = np.zeros((FRAMES, 3, 18))
    for column, joint in SMPL_OF_OPENPOSE.items():
        poses2d[:, :2, column], poses2d[:, 2, column] = pixels[:, joint], 0.9
    entries = {
        "sequence": "cartoon_00", "genders": ["m", "f"], "betas": [np.zeros(10)] * 2, "poses": [poses] * 2,
        "trans": [trans] * 2, "jointPositions": [joints.reshape(FRAMES, 72)] * 2, "poses2d": [poses2d] * 2,
        "img_frame_ids": np.arange(FRAMES), "cam_poses": camera, "campose_valid": [np.ones(FRAMES, bool)] * 2,
        "cam_intrinsics": np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]]),
    }  # fmt: skip
    entries["campose_valid"][1] = np.arange(FRAMES) != 5
    (root / "sequenceFiles" / "test").mkdir(parents=True)
    (root / "sequenceFiles" / "test" / "cartoon_00.pkl").write_bytes(pickle.dumps(entries, protocol=2))
    (root / "imageFiles" / "cartoon_00").mkdir(parents=True)
    for frame in range(FRAMES):
        cv2.imwrite(str(root / "imageFiles" / "cartoon_00" / f"image_{frame:05d}.jpg"), draw(pixels[frame]))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, scorer: Path, make_cartoon, draw) -> Path:
    """The benchmark, what scores it, and the prepared lake."""
    root = tmp_path_factory.mktemp("benchmark")
    write_3dpw(root / "3dpw", make_cartoon(FRAMES), draw)
    shutil.copytree(scorer, root, dirs_exist_ok=True)
    done = _run("data", "prepare", "3dpw", root / "3dpw", "--out", root / "lake", "--phi", "keypoints",
                "--smpl", root / "smpl")  # fmt: skip
    assert "2 tracklets, 52 frames written, 0 were there" in done
    return root


def _run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_the_lake_holds_boxes_features_and_labels_in_the_camera(place: Path) -> None:
    lake = Lake(place / "lake")
    tracklets, labels = list(iter_tracklets(lake)), read_labels3d(lake, split="test")
    assert {label.truth_id for label in labels.values()} == {"cartoon_00/0", "cartoon_00/1"}
    assert sorted(int(label.valid.sum()) for label in labels.values()) == [25, 26]
    for tracklet in tracklets:
        label = labels[tracklet.tracklet_id]
        middle = (tracklet.boxes[:, :2] + tracklet.boxes[:, 2:]) / 2
        hips = label.keypoints_2d[:, [2, 3], :2].mean(1)
        assert (abs(middle - hips) < 40).all()
        assert tracklet.fps == 30.0
        # the body's keypoints, posed by the labels and moved by their translation, project onto the picture's hips
        solid = label.keypoints_3d[:, [2, 3]].mean(1)
        assert (abs(FOCAL * solid[:, :2] / solid[:, 2:] + CENTRE - hips) < 12).all()
        assert label.rotations.shape == (26, 24, 3, 3)
    video = lake.read("videos", ["fingerprints"]).to_pylist()[0]
    assert len(video["fingerprints"]) == 1


def test_prepare_again_writes_nothing(place: Path) -> None:
    before = Lake(place / "lake").version("tracklets")
    out = _run("data", "prepare", "3dpw", place / "3dpw", "--out", place / "lake", "--phi", "keypoints")
    assert "0 tracklets, 0 frames written, 2 were there" in out
    assert Lake(place / "lake").version("tracklets") == before


def test_a_missing_picture_loses_its_label_and_is_counted(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "3dpw", tmp_path / "copy")
    (tmp_path / "copy" / "imageFiles" / "cartoon_00" / "image_00003.jpg").unlink()
    out = _run("data", "prepare", "3dpw", tmp_path / "copy", "--out", tmp_path / "lake", "--phi", "keypoints")
    assert "missing_pictures 2" in out
    labels = read_labels3d(Lake(tmp_path / "lake"))
    assert not any(label.valid[3] for label in labels.values())
    report = _run("data", "check", "3dpw", tmp_path / "copy", code=1)
    assert "1 of 26 pictures are missing, first image_00003.jpg" in report
    assert "1 of 24 files" in report


def test_check_passes_the_readable_file(place: Path) -> None:
    report = _run("data", "check", "3dpw", place / "3dpw", code=1)
    assert "ok  sequenceFiles/test/cartoon_00.pkl: 2 sequences, 52 frames, 51 valid; camera_invalid 1" in report


def test_wrong_names_are_one_line(tmp_path: Path) -> None:
    assert "error: 3dp: is no known dataset" in _run("data", "check", "3dp", tmp_path, code=2)
    out = _run("data", "prepare", "3dpw", tmp_path, "--out", tmp_path / "l", "--phi", "resnet", code=2)
    assert "error: phi 'resnet'" in out


class TestEvaluate:
    def _evaluate(self, place: Path, tmp_path: Path, protocol: str, *more: object, code: int = 0) -> str:
        return _run(
            "evaluate", "--protocol", protocol, "--checkpoint", place / "model.pt",
            "--data", f"3dpw:{place / 'lake'}",
            "--lake", tmp_path / "scores", "--json", tmp_path / "scores.json", *more, code=code,
        )  # fmt: skip

    @pytest.mark.parametrize("protocol", ["hmmr_2019", "spin", "official_3dpw"])
    def test_rows_intervals_worst_and_published(self, place: Path, tmp_path: Path, protocol: str) -> None:
        files = ("--smpl", place / "smpl", "--regressor", place / "regressor.npy")
        out = self._evaluate(place, tmp_path, protocol, "--unchecked", *files)
        told = json.loads((tmp_path / "scores.json").read_text())
        assert told["protocol"] == protocol
        assert (told["averages"]["mpjpe_mm"]["n_frames"], told["averages"]["mpjpe_mm"]["n_nan"]) == (51, 0)
        assert told["averages"]["pa_mpjpe_mm_at+5"]["n_frames"] == 41
        assert told["averages"]["pve_mm"]["n_frames"] == 51
        assert "pa_mpjpe_mm_at-5" in out
        # a network that was never trained is wrong, but says a body: neither zero nor metres away
        assert all(0.1 < told["averages"][metric]["macro"] < 2000 for metric in ("mpjpe_mm", "pa_mpjpe_mm"))
        rows = Lake(tmp_path / "scores").read("scores").to_pylist()
        assert {row["protocol"] for row in rows} == {protocol}
        assert {row["sequence"] for row in rows} >= {"*macro", "*micro", told["worst"][0]}
        shown = [json.loads(row["config"]) for row in Lake(tmp_path / "scores").read("runs").to_pylist()]
        assert [content["worst"]["metric"] for content in shown if "worst" in content] == ["pa_mpjpe_mm"]
        assert ("116.5" in out) == (protocol == "hmmr_2019")
        assert ("59.2" in out) == (protocol == "spin")
        assert ("pck_50mm" in out) == (protocol == "official_3dpw")

    def test_refined_bodies_are_scored_apart(self, place: Path, tmp_path: Path) -> None:
        files = ("--unchecked", "--smpl", place / "smpl", "--regressor", place / "regressor.npy")
        found = {}
        for way in ((), ("--refine",)):
            self._evaluate(place, tmp_path, "spin", *files, *way)
            found[way] = json.loads((tmp_path / "scores.json").read_text())["averages"]["mpjpe_mm"]["macro"]
        assert found[("--refine",)] < 0.9 * found[()]
        rows = Lake(tmp_path / "scores").read("scores").to_pylist()
        assert {row["variant"] for row in rows} == {"evaluated", "refined"}
        assert len({row["run_id"] for row in rows}) == 2

    @pytest.mark.parametrize(("way", "name"), [((), "3dpw-test-spin"), (("--refine",), "3dpw-test-spin-refined")])
    def test_each_way_has_a_file_beside_the_checkpoint(
        self, place: Path, tmp_path: Path, way: tuple[str, ...], name: str
    ) -> None:
        checkpoint = shutil.copy(place / "model.pt", tmp_path / "model.pt")
        files = ("--smpl", place / "smpl", "--regressor", place / "regressor.npy")
        _run(
            "evaluate", "--protocol", "spin", "--checkpoint", checkpoint, "--data", f"3dpw:{place / 'lake'}",
            "--lake", tmp_path / "scores", "--unchecked", *files, *way,
        )  # fmt: skip
        assert json.loads((tmp_path / f"scores-{name}.json").read_text())["protocol"] == "spin"

    def test_refusals_name_the_way_out_and_write_nothing(self, place: Path, tmp_path: Path) -> None:
        cases = {
            "open_v1": "open_v1 is for films, mocap, pose2sim, not for 3dpw",
            "spin": "Give --smpl DIR and --regressor FILE",
            "hmmr_2019": "--trained-on LAKE",
            "pck": "no protocol 'pck'",
        }
        for protocol, words in cases.items():
            assert words in self._evaluate(place, tmp_path, protocol, code=2)
        assert not (tmp_path / "scores.json").exists()
        assert not (tmp_path / "scores").exists()

    def test_hazard_23_test_data_in_the_training_lake_is_refused_or_said(self, place: Path, tmp_path: Path) -> None:
        shutil.copytree(place / "lake", tmp_path / "trained")
        shutil.rmtree(tmp_path / "trained" / "labels3d")
        trained = ("--trained-on", tmp_path / "trained")
        assert "leaks into the training data" in self._evaluate(place, tmp_path, "hmmr_2019", *trained, code=2)
        assert not (tmp_path / "scores.json").exists()
        out = self._evaluate(place, tmp_path, "hmmr_2019", *trained, "--allow-contaminated")
        assert "LEAK content: 3dpw:cartoon_00/0" in out
        rows = Lake(tmp_path / "scores").read("scores").to_pylist()
        assert next(row["value"] for row in rows if row["metric"] == "leaked_tracklets_or_videos") >= 2
        # the same lake with its test labels: what is labelled test never trains, so nothing leaks
        assert "LEAK" not in self._evaluate(place, tmp_path, "hmmr_2019", "--trained-on", place / "lake")


def test_protocol_help_needs_nothing_else() -> None:
    out = _run("evaluate", "--protocol", "help")
    assert out.count("\n## ") == 8
