"""Hostile files: links out of the folder, names that climb out, declared sizes, bombs, code. Each ends in one error."""

import io
import json
import os
import pickle
import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from evaluation.errors import BadDatasetError
from evaluation.readers import files
from evaluation.readers.coco import read_coco
from evaluation.readers.datasets import DATASETS
from evaluation.readers.files import bounded, opens, read_hdf5, read_mat, read_npy, read_npz, read_pickle
from evaluation.readers.pictures import pictures
from evaluation.sequence import BenchmarkSequence

SECRET = np.arange(51.0).reshape(1, 1, 17, 3)
MOST_SECONDS = 20.0
INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


@pytest.fixture(autouse=True)
def soon_and_small() -> Iterator[None]:
    """No hostile file takes long, or leaves a limit behind."""
    began, limits = time.monotonic(), resource.getrlimit(resource.RLIMIT_AS)
    yield
    assert time.monotonic() - began < MOST_SECONDS
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


def _peak_mb(work: Callable[[], object]) -> float:
    """Resident memory that a failing read adds, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            work()
            told = b"nothing was refused"
        except BadDatasetError as error:
            told = str(error).encode()
        added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        os.write(writer, struct.pack("d", added) + told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    assert b"nothing was refused" not in answer
    return float(struct.unpack("d", answer[:8])[0])


class TestHdf5:
    def _file(self, folder: Path) -> Path:
        other = folder / "other.h5"
        with h5py.File(other, "w") as file:
            file["univ_annot3"] = SECRET
        (folder / "raw.bin").write_bytes(SECRET.tobytes())
        return folder / "annot_data.mat"

    def _refused(self, path: Path, words: str) -> None:
        with pytest.raises(BadDatasetError, match=words):
            read_hdf5(path, ("univ_annot3",))

    def test_external_links_storage_and_virtual_sets_are_refused(self, tmp_path: Path) -> None:
        path = self._file(tmp_path)
        with h5py.File(path, "w") as file:
            file["univ_annot3"] = h5py.ExternalLink("other.h5", "/univ_annot3")
        self._refused(path, "univ_annot3 is a link")
        with h5py.File(path, "w") as file:
            file["far"] = h5py.ExternalLink("other.h5", "/")
            file["univ_annot3"] = h5py.SoftLink("/far/univ_annot3")
        self._refused(path, "univ_annot3 is a link")
        with h5py.File(path, "w") as file:
            external = [(str(tmp_path / "raw.bin"), 0, SECRET.nbytes)]
            file.create_dataset("univ_annot3", SECRET.shape, "f8", external=external)
        self._refused(path, "lies in another file")
        with h5py.File(path, "w") as file:
            layout = h5py.VirtualLayout(SECRET.shape, "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "univ_annot3", SECRET.shape)
            file.create_virtual_dataset("univ_annot3", layout)
        self._refused(path, "lies in another file")

    def test_declared_sizes_and_chunks_that_swell(self, tmp_path: Path) -> None:
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("univ_annot3", (1 << 20, 1 << 20), "f8", chunks=(1, 1024))
        self._refused(path, "would take 8388608 MB")
        with h5py.File(path, "w") as file:
            zeros = np.zeros(1 << 27, np.uint8)  # 128 MB in 128 kB
            file.create_dataset("univ_annot3", data=zeros, chunks=(1 << 24,), compression="gzip")
        self._refused(path, "would take 128 MB")
        with h5py.File(path, "w") as file:
            file.create_group("univ_annot3")
        self._refused(path, "is not an array")

    def test_a_chunk_that_inflates_beyond_its_size(self, tmp_path: Path) -> None:
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            data = file.create_dataset("univ_annot3", (1024,), "u1", chunks=(1024,), compression="gzip")
            data.id.write_direct_chunk((0,), zlib.compress(bytes(6 << 30 if os.environ.get("HMMR_FUZZ") else 1 << 28)))
        assert _peak_mb(lambda: read_hdf5(path, ("univ_annot3", "nothing"))) < 100


class TestNpz:
    def test_bombs_and_shapes_that_are_not_there(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        np.savez_compressed(path, points=np.zeros(1 << 27, np.uint8))
        assert path.stat().st_size < 200_000
        with pytest.raises(BadDatasetError, match=r"a\.npz: all of it would take 128 MB"):
            read_npz(path)
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("points.npy", head.getvalue())
        with pytest.raises(BadDatasetError, match="more than the file holds"):
            read_npz(path)
        (tmp_path / "a.npy").write_bytes(head.getvalue())
        with pytest.raises(BadDatasetError, match="more than the file holds"):
            read_npy(tmp_path / "a.npy")

    def test_a_member_that_inflates_beyond_its_declared_size(self, tmp_path: Path) -> None:
        path, plain = tmp_path / "a.npz", io.BytesIO()
        np.save(plain, np.zeros(1 << 26, np.uint8))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("points.npy", plain.getvalue())
        size = struct.pack("<I", len(plain.getvalue()))
        path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1000)))
        assert _peak_mb(lambda: read_npz(path)) < 40

    @pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
    def test_what_is_no_npz(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.npz").write_bytes(content)
        if content.startswith(b"PK\x05"):
            assert read_npz(tmp_path / "a.npz") == {}
            return
        with pytest.raises(BadDatasetError, match=r"a\.npz"):
            read_npz(tmp_path / "a.npz")


class TestMat:
    def test_a_bomb_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "0001.mat"
        savemat(path, {"x": np.zeros(1 << 28, np.uint8)}, do_compression=True)
        assert path.stat().st_size < 400_000
        assert _peak_mb(lambda: read_mat(path)) < 200
        with pytest.raises(BadDatasetError, match=r"0001\.mat: .*too much memory"):
            read_mat(path)

    @pytest.mark.parametrize("packed", [False, True])
    def test_every_number_is_scipys(self, tmp_path: Path, packed: bool) -> None:
        rng, path = np.random.default_rng(0), tmp_path / "a.mat"
        cells = np.empty((3, 2), object)
        for place in range(6):
            cells[place % 3, place // 3] = rng.normal(size=(place, 4))
        entries = {
            "f8": rng.normal(size=(3, 4, 2)), "f4": np.float32([[1.5, 2]]), "one": 3.5, "flag": np.array([[True]]),
            "cells": cells, "word": "squat", "empty": np.zeros((0, 3)), "complex": np.array([[1 + 2j, 3]]),
            **{kind: rng.integers(0, 100, (2, 5)).astype(kind) for kind in INTEGERS},
            "left out": None, "struct": {"a": 1},
        }  # fmt: skip
        savemat(path, {name: value for name, value in entries.items() if value is not None}, do_compression=packed)
        expected, found = loadmat(path), read_mat(path)
        assert found["word"] == ["squat"]
        assert "struct" not in found
        for name in entries.keys() - {"word", "struct", "left out", "cells"}:
            np.testing.assert_array_equal(found[name], expected[name])
            assert found[name].dtype.kind in (expected[name].dtype.kind, "u"), name
        for mine, theirs in zip(found["cells"].ravel(), expected["cells"].ravel(), strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def test_other_versions_are_named(self, tmp_path: Path) -> None:
        savemat(tmp_path / "a.mat", {"x": 1}, format="4")
        with pytest.raises(BadDatasetError, match=r"a\.mat: is not a MATLAB file.*no header of version 5"):
            read_mat(tmp_path / "a.mat")
        with h5py.File(tmp_path / "b.mat", "w") as file:
            file["x"] = 1
        with pytest.raises(BadDatasetError, match=r"7\.3, which is HDF5"):
            read_mat(tmp_path / "b.mat")


class _Ask:
    """A pickle that calls `kind` with `args`, and then has `state` put into what came of it."""

    def __init__(self, kind: object, args: tuple, state: object = None) -> None:
        self.kind, self.args, self.state = kind, args, state

    def __reduce__(self) -> tuple:
        return (self.kind, self.args) if self.state is None else (self.kind, self.args, self.state)


_STATE = (1, (1 << 32,), np.dtype("u1"), False, b"")
_RECONSTRUCT = np.ndarray.__reduce__(np.zeros(1))[0]


class TestPickles:
    @pytest.mark.parametrize(
        "content",
        [
            pickle.dumps(_Ask(np.ndarray, ((1 << 32,), "u1"))),
            pickle.dumps(
                _Ask(_RECONSTRUCT, (np.ndarray, (1 << 32,), b"b"), (1, (1 << 32,), np.dtype("u1"), False, b""))
            ),
            pickle.dumps(_Ask(np.dtype, ("V4000000000",))),
            b"\x80\x05\x96" + struct.pack("<Q", 1 << 32) + b".",  # BYTEARRAY8
            b"\x80\x04\x8e" + struct.pack("<Q", 1 << 32) + b".",  # BINBYTES8
            b"\x80\x04\x8d" + struct.pack("<Q", 1 << 32) + b".",  # BINUNICODE8
            b"\x80\x04\x95" + struct.pack("<Q", 1 << 32) + b"N.",  # FRAME
            b"\x80\x02N" + b"r\xff\xff\xff\x7f" + b".",  # memo at 2^31
        ],
        ids=["ndarray", "state", "dtype", "bytearray8", "bytes8", "unicode8", "frame", "memo"],
    )
    def test_memory_that_no_bytes_back(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.pkl"
        path.write_bytes(content)

        def read() -> None:
            if read_pickle(path) is None:
                raise BadDatasetError(path, "harmless")

        assert _peak_mb(read) < 60

    def test_numbers_words_and_arrays_still_read(self, tmp_path: Path) -> None:
        entries = {
            "f": np.arange(6.0).reshape(2, 3), "t": np.asfortranarray(np.arange(6).reshape(2, 3)), "s": np.float32(2.5),
            "u": np.array(["ab", "c"]), "b": np.array([b"x"]), "o": np.array([{"a": 1}, None], object), "big": ">f4",
            "e": np.zeros((0, 3)), "r": np.arange(3, dtype=">i4"), "flag": np.bool_(True),
        }  # fmt: skip
        entries |= {
            "again": entries["f"],
            "same type": np.arange(4, dtype=">i4"),
            "twice": [entries["t"], entries["t"]],
        }
        for protocol in range(5):
            path = tmp_path / f"{protocol}.pkl"
            path.write_bytes(pickle.dumps(entries, protocol))
            found = read_pickle(path)
            for name, value in entries.items():
                np.testing.assert_array_equal(found[name], value)
        assert found["twice"][0] is found["twice"][1], "an array that is named twice is one array"


class TestPlaces:
    def _person(self, file_name: str) -> str:
        keypoints = [1, 2, 2] * 17
        person = {"id": 1, "image_id": 9, "keypoints": keypoints, "num_keypoints": 17}
        return json.dumps({"images": [{"id": 9, "file_name": file_name}], "annotations": [person]})

    @pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "", "a\0b"])
    def test_coco_names_stay_in_the_folder(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "person_keypoints_val2017.json").write_text(self._person(name))
        with pytest.raises(BadDatasetError, match=r"person_keypoints_val2017\.json: names .* leads out of"):
            list(read_coco(tmp_path / "person_keypoints_val2017.json"))

    def test_links_out_of_the_folder_are_refused(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "data", tmp_path / "secret.mat"
        (root / "labels").mkdir(parents=True)
        savemat(outside, {"x": 1})
        (root / "labels" / "0001.mat").symlink_to(outside)
        with pytest.raises(BadDatasetError, match=r"0001\.mat: leads out of"):
            DATASETS["penn_action"].files(root)

    def test_pictures_that_a_file_names_stay_in_the_folder(self, tmp_path: Path) -> None:
        root = tmp_path / "data"
        root.mkdir()
        for place in (tmp_path / "secret.png", root / "mine.png"):
            cv2.imwrite(str(place), np.full((4, 4, 3), 9, np.uint8))
        (root / "link.png").symlink_to(tmp_path / "secret.png")

        def shown(*names: str) -> list:
            images = tuple(Path(name) for name in names)
            ones = np.ones(len(names), bool)
            return list(
                pictures(BenchmarkSequence("vibe", "", "a", None, np.arange(len(names)), ones, images=images), root)
            )

        found = shown("mine.png", "gone.png", str(root / "mine.png"), "/nowhere/x.png")
        assert [picture is not None for picture in found] == [True, False, True, False]
        for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
            with pytest.raises(BadDatasetError, match="leads out of"):
                shown(name)


def test_a_reader_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_SECONDS", 0.2)

    @opens("path")
    def read(path: Path) -> Iterator[int]:
        yield 1
        while True:
            pass

    found = read(tmp_path / "a")
    assert next(found) == 1
    with pytest.raises(BadDatasetError, match=r"/a: takes more than 0\.2 s"):
        next(found)


def test_memory_beyond_the_budget_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDatasetError, match=r"/a: takes more than 64 MB"), bounded(tmp_path / "a"):
        np.zeros(4 << 30, np.uint8)


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), AttributeError("no"), OSError(5, "Input/output error")]
)
def test_whatever_a_parser_raises_names_the_file(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(BadDatasetError, match=r"^/.*/a\.txt: "), bounded(tmp_path / "a.txt"):
        raise error
