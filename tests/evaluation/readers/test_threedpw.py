"""3DPW: a fixture written by pickle alone, in the official field names, protocol 2; and every way it can be broken."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from evaluation.errors import BadDatasetError
from evaluation.readers.datasets import DATASETS
from evaluation.readers.safe_pickle import UnsafePickleError
from evaluation.readers.threedpw import read_3dpw_file

FRAMES = 6
TURN = Rotation.from_euler("xyz", [0.3, -0.8, 0.2]).as_matrix()
SHIFT = np.array([0.2, 0.1, 4.0])
FOCAL, CENTRE = 1961.0, (540.0, 960.0)
OPENPOSE_FROM_SMPL = {2: 17, 5: 16, 8: 2, 9: 5, 10: 8, 11: 1, 12: 4, 13: 7}  # right shoulder is column 2, and so on


def _fixture() -> dict:
    rng = np.random.default_rng(0)
    joints = rng.normal(0, 0.4, (2, FRAMES, 24, 3))
    camera = np.tile(np.eye(4), (FRAMES, 1, 1))
    camera[:, :3, :3], camera[:, :3, 3] = TURN, SHIFT
    poses2d = np.zeros((2, FRAMES, 3, 18))
    for column, joint in OPENPOSE_FROM_SMPL.items():
        seen = joints[:, :, joint] @ TURN.T + SHIFT
        poses2d[:, :, 0, column] = FOCAL * seen[..., 0] / seen[..., 2] + CENTRE[0]
        poses2d[:, :, 1, column] = FOCAL * seen[..., 1] / seen[..., 2] + CENTRE[1]
        poses2d[:, :, 2, column] = 0.9
    poses2d[1, 3] = 0
    return {
        "sequence": "downtown_fixture_00",
        "genders": ["m", "f"],
        "betas": [rng.normal(size=300), rng.normal(size=10)],
        "poses": list(rng.normal(0, 0.3, (2, FRAMES, 72))),
        "trans": list(joints[:, :, 0] - [0.0, -0.22, 0.03]),
        "jointPositions": list(joints.reshape(2, FRAMES, 72)),
        "poses2d": list(poses2d),
        "img_frame_ids": np.arange(FRAMES) * 2,
        "cam_poses": camera,
        "campose_valid": [np.array([1, 1, 1, 0, 1, 1], bool), np.ones(FRAMES, bool)],
        "cam_intrinsics": np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]]),
    }


def _write(root: Path, entries: object, name: str = "downtown_fixture_00.pkl") -> Path:
    path = root / "sequenceFiles" / "test" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(entries, protocol=2))
    return path


def test_actors_frames_and_the_rule_for_valid_frames(tmp_path: Path) -> None:
    _write(tmp_path, _fixture())
    first, second = DATASETS["3dpw"].sequences(tmp_path)
    assert [first.name, second.name] == ["downtown_fixture_00/0", "downtown_fixture_00/1"]
    assert first.valid.tolist() == [True, True, True, False, True, True]
    assert second.valid.tolist() == [True, True, True, False, True, True]
    assert (first.counted["camera_invalid"], second.counted["undetected"]) == (1, 1)
    assert first.images[4] == tmp_path / "imageFiles" / "downtown_fixture_00" / "image_00004.jpg"
    assert (first.fps, first.body.name, second.body.name) == (30.0, "smpl_male", "smpl_female")
    assert first.body.betas.shape == (10,)


def test_hazard_20_truth_in_the_camera_projects_onto_the_2d_labels(tmp_path: Path) -> None:
    _write(tmp_path, _fixture())
    for actor in DATASETS["3dpw"].sequences(tmp_path):
        names = [actor.joints_2d.names[column] for column in OPENPOSE_FROM_SMPL]
        pixels = actor.camera.project(actor.joints_3d.pick(names))
        np.testing.assert_allclose(pixels[:3], actor.joints_2d.pick(names)[:3, :, :2], atol=1e-6)


def test_root_and_translation_go_through_the_camera_about_the_pelvis(tmp_path: Path) -> None:
    entries = _fixture()
    _write(tmp_path, entries)
    actor = next(iter(DATASETS["3dpw"].sequences(tmp_path)))
    root = Rotation.from_rotvec(actor.body.axis_angles[:, 0]).as_matrix()
    np.testing.assert_allclose(root, TURN @ Rotation.from_rotvec(entries["poses"][0][:, :3]).as_matrix(), atol=1e-12)
    # SMPL: x = R (v - J0) + J0 + trans, with J0 the rest pelvis. A vertex in the camera must come out the same way.
    rest_pelvis, vertex = np.array([0.0, -0.22, 0.03]), np.array([0.1, 0.5, -0.2])
    world = Rotation.from_rotvec(entries["poses"][0][:, :3]).as_matrix() @ (vertex - rest_pelvis)
    expected = (world + rest_pelvis + entries["trans"][0]) @ TURN.T + SHIFT
    np.testing.assert_allclose(root @ (vertex - rest_pelvis) + rest_pelvis + actor.body.translation, expected)


def test_an_actor_of_another_length_is_cut_and_counted(tmp_path: Path) -> None:
    entries = _fixture()
    for name in ("poses", "trans", "jointPositions", "poses2d", "campose_valid"):
        entries[name][1] = entries[name][1][:4]
    first, second = read_3dpw_file(_write(tmp_path, entries), "test")
    assert (len(first), len(second)) == (FRAMES, FRAMES)
    assert second.counted["short_actor"] == 2
    assert second.valid.tolist() == [True, True, True, False, False, False]


class TestBrokenFiles:
    def test_a_missing_camera_is_named(self, tmp_path: Path) -> None:
        entries = _fixture()
        del entries["cam_poses"]
        with pytest.raises(BadDatasetError, match=r"downtown_fixture_00\.pkl: has no cam_poses"):
            read_3dpw_file(_write(tmp_path, entries), "test")

    def test_a_wrong_shape_is_named(self, tmp_path: Path) -> None:
        entries = _fixture()
        entries["poses2d"][0] = entries["poses2d"][0].transpose(0, 2, 1)
        with pytest.raises(BadDatasetError, match=r"poses2d\[0\] is \(6, 18, 3\), not \('N', 3, 18\)"):
            read_3dpw_file(_write(tmp_path, entries), "test")

    def test_a_torn_pickle_is_named(self, tmp_path: Path) -> None:
        path = _write(tmp_path, _fixture())
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(BadDatasetError, match="not a whole pickle"):
            read_3dpw_file(path, "test")

    def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(self, tmp_path: Path) -> None:
        witness = tmp_path / "ran"

        class Evil:
            def __reduce__(self) -> tuple:
                return (Path.touch, (witness,))

        with pytest.raises(UnsafePickleError, match="refused"):
            read_3dpw_file(_write(tmp_path, {"poses": Evil()}), "test")
        assert not witness.exists()

    def test_an_empty_folder_says_what_to_unpack(self, tmp_path: Path) -> None:
        with pytest.raises(BadDatasetError, match=r"holds nothing of 3dpw. Expected: sequenceFiles"):
            list(DATASETS["3dpw"].sequences(tmp_path))
