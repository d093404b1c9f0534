"""VIBE's h5 and pt files and mmhuman3d's HumanData, written by h5py, pickle and numpy alone."""

import io
import pickle
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest

from evaluation.errors import BadDatasetError
from evaluation.readers.humandata import read_humandata
from evaluation.readers.safe_pickle import UnsafePickleError
from evaluation.readers.vibe import read_vibe


class NumpyArrayWrapper:
    """What joblib writes in place of an array; the bytes follow it in the file."""

    def __init__(self, array: np.ndarray) -> None:
        self.subclass, self.shape, self.order, self.dtype = np.ndarray, array.shape, "C", array.dtype
        self.allow_mmap, self.numpy_array_alignment_bytes = True, 16


NumpyArrayWrapper.__module__ = "joblib.numpy_pickle"


class _JoblibPickler(pickle._Pickler):
    """joblib.dump without compression, as its numpy_pickle module does it."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=4)
        self.stream = stream

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if type(obj) is not np.ndarray:
            super().save(obj, save_persistent_id)
            return
        super().save(NumpyArrayWrapper(obj))
        self.framer.commit_frame(force=True)
        padding = 16 - (self.stream.tell() + 1) % 16
        self.stream.write(bytes([padding]) + b"\xff" * padding + obj.tobytes())


@pytest.fixture
def write_pt(monkeypatch: pytest.MonkeyPatch):
    module = types.ModuleType("joblib.numpy_pickle")
    module.NumpyArrayWrapper = NumpyArrayWrapper
    monkeypatch.setitem(sys.modules, "joblib", types.ModuleType("joblib"))
    monkeypatch.setitem(sys.modules, "joblib.numpy_pickle", module)

    def write(path: Path, entries: object) -> Path:
        stream = io.BytesIO()
        _JoblibPickler(stream).dump(entries)
        path.write_bytes(stream.getvalue())
        return path

    return write


def _entries(joints: int = 14) -> dict:
    rng = np.random.default_rng(0)
    return {
        "vid_name": np.array(["a", "a", "b"]), "frame_id": np.array([3, 4, 0]),
        "img_name": np.array(["a/3.jpg", "a/4.jpg", "b/0.jpg"]), "joints2D": rng.normal(size=(3, joints, 3)),
        "joints3D": rng.normal(size=(3, joints, 3)), "bbox": np.ones((3, 4)), "shape": np.ones((3, 10)),
        "pose": rng.normal(size=(3, 72)), "valid": np.array([1, 0, 1]), "features": np.ones((3, 2048)),
    }  # fmt: skip


class TestVibe:
    def test_joblib_dump_by_video(self, tmp_path: Path, write_pt) -> None:
        entries = _entries()
        first, second = read_vibe(write_pt(tmp_path / "3dpw_test_db.pt", entries), "test")
        assert (first.name, len(first), second.name, len(second)) == ("a", 2, "b", 1)
        assert first.frame_ids.tolist() == [3, 4]
        assert first.valid.tolist() == [True, False]
        np.testing.assert_array_equal(first.joints_3d.points, entries["joints3D"][:2])
        assert first.joints_3d.names[2:4] == ("right_hip", "left_hip")
        np.testing.assert_array_equal(second.body.axis_angles.ravel(), entries["pose"][2])
        assert second.images == (Path("b/0.jpg"),)

    def test_instavariety_h5(self, tmp_path: Path) -> None:
        path = tmp_path / "insta_train_db.h5"
        with h5py.File(path, "w") as file:
            file["vid_name"] = np.array([b"x", b"x", b"y"])
            file["frame_id"] = np.array([b"frame000001", b"frame000002", b"frame000009"])
            file["joints2D"] = np.arange(225.0).reshape(3, 25, 3)
            file["features"] = np.zeros((3, 2048), np.float32)
        first, second = read_vibe(path)
        assert (first.name, second.name) == ("x", "y")
        assert second.frame_ids.tolist() == [9]
        assert second.joints_2d.pick(["right_heel"])[0, 0].tolist() == [150.0, 151.0, 152.0]
        assert first.joints_3d is None

    def test_unknown_joint_sets_and_code_are_refused(self, tmp_path: Path, write_pt) -> None:
        with pytest.raises(BadDatasetError, match="joints2D has 19 joints"):
            list(read_vibe(write_pt(tmp_path / "a.pt", _entries(19))))
        (tmp_path / "b.pt").write_bytes(pickle.dumps({"vid_name": print}))
        with pytest.raises(UnsafePickleError, match=r"builtins\.print"):
            list(read_vibe(tmp_path / "b.pt"))
        objects = np.array([{}, None], object)
        with pytest.raises(UnsafePickleError, match="objects"):
            list(read_vibe(write_pt(tmp_path / "c.pt", {"vid_name": objects})))


class TestHumanData:
    def _write(self, path: Path, compressed: bool, **changes: object) -> np.ndarray:
        points = np.random.default_rng(1).normal(size=(4, 190, 4))
        mask = np.zeros(190)
        mask[[1, 2, 153, 155, 162, 147]] = 1
        columns = np.flatnonzero(mask) if compressed else np.arange(190)
        smpl = {"body_pose": np.full((4, 23, 3), 0.1), "global_orient": np.full((4, 3), 0.2), "betas": np.ones((4, 10))}
        entries = {
            "image_path": np.array([f"imgs/{i}.jpg" for i in range(4)]), "smpl": smpl, "config": "pw3d",
            "keypoints3d": points[:, columns], "keypoints3d_mask": mask,
            "keypoints2d": points[:, columns, :3], "keypoints2d_mask": mask, "bbox_xywh": np.ones((4, 5)),
            "__data_len__": 4, "__keypoints_compressed__": compressed,
        }  # fmt: skip
        np.savez(path, **(entries | changes))
        return points

    @pytest.mark.parametrize("compressed", [False, True])
    def test_named_columns_of_the_190(self, tmp_path: Path, compressed: bool) -> None:
        points = self._write(tmp_path / "pw3d.npz", compressed)
        sequence = read_humandata(tmp_path / "pw3d.npz")
        named = {"nose": 153, "right_shoulder": 155, "right_hip": 162, "head_top": 147, "left_hip": 1}
        assert set(sequence.joints_3d.names) == set(named)
        for name, column in named.items():
            np.testing.assert_array_equal(sequence.joints_3d.pick([name])[:, 0], points[:, column, :3])
        assert sequence.body.axis_angles[0, 0].tolist() == [0.2] * 3
        assert sequence.images[3] == Path("imgs/3.jpg")

    def test_code_in_the_smpl_entry_is_refused(self, tmp_path: Path) -> None:
        self._write(tmp_path / "evil.npz", True, smpl=np.array(print, object))
        with pytest.raises(UnsafePickleError, match=r"evil\.npz"):
            read_humandata(tmp_path / "evil.npz")

    def test_masks_that_do_not_fit_and_torn_files_are_named(self, tmp_path: Path) -> None:
        self._write(tmp_path / "a.npz", True, keypoints3d_mask=np.ones(190))
        with pytest.raises(BadDatasetError, match="its mask 190"):
            read_humandata(tmp_path / "a.npz")
        (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:500])
        with pytest.raises(BadDatasetError, match="not a whole"):
            read_humandata(tmp_path / "b.npz")
