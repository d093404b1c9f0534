"""Every reader on damaged files: it reads, or it says BadDatasetError with the file's name, soon, and nothing else.

Ten trials a reader, or as many as HMMR_FUZZ says (`make trial`). A failure prints the trial's number, which makes it
again: python -m pytest tests/evaluation/readers/test_fuzz.py -k "NAME-NUMBER" with HMMR_FUZZ above the number.
"""

import json
import os
import pickle
import random
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from evaluation.errors import BadDatasetError
from evaluation.readers.data_check import check_file
from evaluation.readers.datasets import DATASETS
from evaluation.readers.tfrecord import masked_crc
from evaluation.study.config import StudyConfigError, read_study
from evaluation.study.table import StudyRowsError, read_csv
from flows.prepare import runs, thinned

TRIALS = int(os.environ.get("HMMR_FUZZ", "10"))
MOST_SECONDS = 30.0
Entries = dict[str, Any]
N = 6

STRANGE: list[Any] = [
    None, True, -1, 0, 1 << 70, float("nan"), float("inf"), "", "x" * 300, "../../x", b"\xff", [], [[]], {}, [None],
    np.zeros(0), np.zeros((2, 2)), np.full(3, np.nan), np.array("x"), np.array(["a", "b"]), np.float32(1),
    np.zeros((N, 0, 3)), np.array([{}, None], object), np.zeros((N, 72), np.int8), np.full((N, 4, 4), np.inf),
]  # fmt: skip


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def _threedpw() -> Entries:
    return {
        "sequence": "a_00", "genders": ["m"], "betas": [_numbers(10)], "poses": [_numbers(N, 72)],
        "trans": [_numbers(N, 3)], "jointPositions": [_numbers(N, 72)], "poses2d": [_numbers(N, 3, 18)],
        "cam_poses": np.tile(np.eye(4), (N, 1, 1)), "campose_valid": [np.ones(N)], "cam_intrinsics": np.eye(3),
    }  # fmt: skip


def _vibe() -> Entries:
    return {
        "vid_name": np.array(["a"] * N), "frame_id": np.arange(N), "img_name": np.array(["a.jpg"] * N),
        "joints2D": _numbers(N, 25, 3), "joints3D": _numbers(N, 14, 3), "pose": _numbers(N, 72),
        "shape": _numbers(N, 10), "valid": np.ones(N),
    }  # fmt: skip


def _humandata() -> Entries:
    mask = np.ones(190)
    smpl = {"body_pose": _numbers(N, 23, 3), "global_orient": _numbers(N, 3), "betas": _numbers(N, 10)}
    return {
        "image_path": np.array(["a.jpg"] * N), "smpl": smpl, "keypoints2d": _numbers(N, 190, 3),
        "keypoints2d_mask": mask, "keypoints3d": _numbers(N, 190, 4), "keypoints3d_mask": mask,
    }  # fmt: skip


def _cells(width: int) -> np.ndarray:
    cells = np.empty((14, 1), object)
    for camera in range(14):
        cells[camera, 0] = _numbers(N, width)
    return cells


def _calibration() -> str:
    block = "name {}\nsensor 1 1\nsize 1 1\nanimated 0\nintrinsic {}\nextrinsic {}\nradial 0\n"
    eye = " ".join(map(str, np.eye(4).ravel()))
    return "Skeletool\n" + "".join(block.format(camera, eye, eye) for camera in range(14))


def _metadata() -> str:
    return f"<metadata><w0>[{' '.join(map(str, _numbers(300)))}]</w0></metadata>"


def _coco() -> Entries:
    person = {"id": 1, "image_id": 9, "track_id": 0, "keypoints": [1, 2, 2] * 17, "num_keypoints": 17}
    return {"images": [{"id": 9, "frame_id": 7, "file_name": "a.jpg"}], "annotations": [person]}


def _detection() -> Entries:
    return {"frame": 3, "R Knee": {"x": 1.0, "y": 2.0, "logits": 0.5}, "Hip": {"x": 3.0, "y": 4.0, "logits": 0.1}}


def _qualisys() -> str:
    turn = " ".join(f'r{row}{column}="{float(row == column)}"' for row in "123" for column in "123")
    lens = 'focalLengthU="64" focalLengthV="64" centerPointU="64" centerPointV="64"'
    for bend in ("radialDistortion1", "radialDistortion2", "radialDistortion3"):
        lens += f' {bend}="0"'
    lens += ' tangentalDistortion1="0" tangentalDistortion2="0"'
    view = '<fov_video right="9" left="0" bottom="9" top="0"/>'
    place = f'<transform {turn} x="0" y="0" z="0"/><intrinsic {lens}/>'
    return f'<c><camera serial="cam01">{view}{place}</camera></c>'


def _varint(value: int) -> bytes:
    data = b""
    while value >= 128:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _record() -> bytes:
    floats = {"image/xys": (N, 2, 14), "image/visibilities": (N, 1, 14), "image/phis": (N, 2048), "mosh/poses": (N, 72),
              "mosh/shape": (10,), "mosh/gt3ds": (N, 14, 3)}  # fmt: skip
    features = {name: _field(2, _field(1, _numbers(*shape).astype("<f4").tobytes())) for name, shape in floats.items()}
    features["meta/N"] = _field(3, _field(1, _varint(N)))
    features["meta/has_3d"] = _field(3, _field(1, _varint(1)))
    features["image/filenames"] = _field(1, b"".join(_field(1, b"a.jpg") for _ in range(N)))
    entries = (_field(1, _field(1, name.encode()) + _field(2, made)) for name, made in features.items())
    message = _field(1, b"".join(entries))
    head = struct.pack("<Q", len(message))
    return head + struct.pack("<I", masked_crc(head)) + message + b"\0\0\0\0"


def _write(path: Path, content: Any) -> None:
    """By the file's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    elif path.suffix in (".pkl", ".pt"):
        path.write_bytes(pickle.dumps(content, 2))
    elif path.suffix == ".npz":
        np.savez(path, **content)
    elif path.suffix == ".json":
        path.write_text(json.dumps(content, default=str))
    elif path.name == "annot_data.mat" or path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, value in content.items():
                words = np.asarray(value).dtype.kind == "U"
                file[name] = np.array([text.encode() for text in value]) if words else value
    else:
        savemat(path, {name: value for name, value in content.items() if value is not None})


def _penn() -> Entries:
    return {"x": _numbers(N, 13), "y": _numbers(N, 13), "visibility": np.ones((N, 13)), "nframes": N, "train": 1}


def _amass() -> Entries:
    return {"poses": _numbers(N, 156), "trans": _numbers(N, 3), "mocap_framerate": 120.0, "betas": _numbers(16)}


def _h36m() -> Entries:
    cell = np.empty((1, 1), object)
    cell[0, 0] = _numbers(N, 96)
    return {"data": cell}


SETS: dict[str, tuple[str, dict[str, Callable[[], Any]]]] = {
    "3dpw": ("3dpw", {"sequenceFiles/test/a_00.pkl": _threedpw}),
    "vibe_pt": ("vibe", {"a_db.pt": _vibe}),
    "vibe_h5": ("vibe", {"a_db.h5": _vibe}),
    "humandata": ("humandata", {"a.npz": _humandata}),
    "h36m": ("h36m", {"S9/MyPoseFeatures/D3_Positions/Walking.cdf.mat": _h36m, "metadata.xml": _metadata}),
    "mpi_train": ("mpi_inf_3dhp", {
        "S1/Seq1/annot.mat": lambda: {"annot2": _cells(56), "annot3": _cells(84)},
        "S1/Seq1/camera.calibration": _calibration,
    }),
    "mpi_test": ("mpi_inf_3dhp", {
        "TS1/annot_data.mat": lambda: {
            "annot2": _numbers(N, 1, 17, 2), "univ_annot3": _numbers(N, 1, 17, 3), "valid_frame": np.ones((N, 1)),
        },
    }),
    "penn": ("penn_action", {"labels/0001.mat": _penn}),
    "coco": ("coco", {"annotations/person_keypoints_val2017.json": _coco}),
    "posetrack": ("posetrack18", {"annotations/val/1.json": _coco}),
    "instavariety": ("instavariety", {"tag/video/7/1.json": _detection, "tag/video/7/2.json": _detection}),
    "hmmr_tfrecord": ("hmmr_tfrecord", {"test/a.tfrecord": lambda: _record() * 2}),
    "pose2sim": ("pose2sim", {
        "pose2sim_single_cam01.mp4": lambda: b"",
        "pose2sim_single_reference.npz": lambda: {"joints_m": _numbers(N, 17, 3), "fps": 60.0},
        "pose2sim_single_calib.qca.txt": _qualisys,
    }),
    "amass": ("amass", {"a/b/c.npz": _amass}),
    "deepmimic": ("deepmimic", {"walk.txt": lambda: json.dumps({"Loop": "wrap", "Frames": [[0.03, *[0.5] * 43]] * 3})}),
}  # fmt: skip


def _damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut, flipped, spliced, doubled, with extreme numbers, or something else altogether."""
    if not data:
        return rng.randbytes(50)
    at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    kind = rng.randrange(7)
    if kind == 0:
        return data[:at]
    if kind == 1:
        flipped = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            flipped[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(flipped)
    if kind == 2:
        return data[:at] + data[to:]
    if kind == 3:
        return data[:to] + data[at:]
    if kind == 4:
        number = rng.choice((b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 8, b"\0\0\0\x80"))
        return data[:at] + number + data[at + len(number) :]
    if kind == 5:
        word = rng.choice((b"nan", b"1e999", b"-1", b"99999999999999999999", b'"', b"\0", b"\xc3\x28", b"[[[[", b"&x;"))
        return data[:at] + word + data[at:]
    return rng.randbytes(rng.choice((0, 1, 8, 500)))


def _damaged_fields(entries: Entries, rng: random.Random) -> Entries:
    """One value, at any depth, is another, or is gone."""
    made = pickle.loads(pickle.dumps(entries))
    holders: list[tuple[Any, Any]] = []
    waiting: list[Any] = [made]
    while waiting:
        holder = waiting.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        holders += [(holder, key) for key, _ in items]
        waiting += [value for _, value in items if isinstance(value, dict | list) and len(value) < 60]
    holder, key = rng.choice(holders)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = rng.choice(STRANGE)
    return made


def _trees(name: str, root: Path, trial: int) -> Iterator[Path]:
    """The folder of one trial."""
    rng = random.Random(f"{name} {trial}")
    _, made = SETS[name]
    contents = {file: make() for file, make in made.items()}
    for file, content in contents.items():
        _write(root / file, content)
    victim = rng.choice(list(made))
    if isinstance(contents[victim], dict) and rng.random() < 0.5:
        try:
            _write(root / victim, _damaged_fields(contents[victim], rng))
        except (TypeError, ValueError, OverflowError, KeyError):  # the format cannot hold such a value
            return
    else:
        (root / victim).write_bytes(_damaged_bytes((root / victim).read_bytes(), rng))
    yield root


@pytest.mark.parametrize("name", SETS)
def test_the_undamaged_files_read(name: str, tmp_path: Path) -> None:
    dataset, made = SETS[name]
    for file, make in made.items():
        _write(tmp_path / file, make())
    assert len(list(DATASETS[dataset].sequences(tmp_path))) >= 1


@pytest.mark.parametrize("name", SETS)
def test_damaged_files_end_in_one_error_that_names_them(name: str, tmp_path: Path) -> None:
    refused, unnamed = 0, list[str]()
    for trial in range(TRIALS):
        root = tmp_path / f"{name}-{trial}"
        for folder in _trees(name, root, trial):
            began = time.monotonic()
            dataset = DATASETS[SETS[name][0]]
            try:
                for sequence in dataset.sequences(folder):
                    list(runs(thinned(sequence)))
            except BadDatasetError as error:
                refused += 1
                unnamed += [] if str(folder) in str(error) else [f"trial {trial}: {error}"]
            except Exception as error:
                raise AssertionError(f"trial {trial}: {type(error).__name__} {error}") from error
            for part, path in dataset.files(folder) if list(folder.glob("**/*")) else ():
                check_file(part, folder, path)
            assert time.monotonic() - began < MOST_SECONDS, f"trial {trial}"
        shutil.rmtree(root, ignore_errors=True)
    assert not unnamed
    assert refused or TRIALS < 10


STUDIES = """shares: [.nan]
shares: [1e400]
shares: [2026-13-45]
seeds: [0x]
a: &a [*a]
shares: !!python/object/apply:os.system [ls]
noise: [0, 0o9]
train: {1: 2, preset: [a]}
name: [
labelled: [!!int x]
seeds: [1:99:99]
name: 2026-01-01
train: {model: {a: 1}}
<<: 1
{a: 1, a: 2}: 3
shares: [0, 1, .inf]
!!binary x
!!timestamp x
name: !!float x""".splitlines()


@pytest.mark.parametrize("text", [*STUDIES, f"shares: [{'9' * 400}]", "a: " + "[" * 2000, "\0", "? [a]\n: 1"])
def test_a_study_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StudyConfigError, match=r"study\.yaml"):
        read_study(tmp_path / "study.yaml")


STUDY = """name: a
shares: [0, 0.5, 1]
seeds: [0, 1]
labelled: [2, all]
noise: [0, 1]
train: {preset: tiny, steps: 3}
"""
ROWS = [f"{hours},{seed},{name},{9 - hours}" for hours in (0, 1, 2) for seed in "01" for name in "ab"]


def test_damaged_studies_and_rows_end_in_their_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(STUDY)
    (tmp_path / "a.csv").write_text("\n".join(["hours,seed,sequence,error", *ROWS]))
    kinds: list[tuple[Path, Callable[[Path], object], type[ValueError]]] = [
        (tmp_path / "a.yaml", read_study, StudyConfigError), (tmp_path / "a.csv", read_csv, StudyRowsError),
    ]  # fmt: skip
    unnamed: list[str] = []
    for path, read, kind in kinds:
        whole = path.read_bytes()
        read(path)
        for trial in range(TRIALS * 5):
            path.write_bytes(_damaged_bytes(whole, random.Random(f"study {trial}")))
            try:
                read(path)
            except kind as error:
                unnamed += [] if path.name in str(error) else [f"trial {trial}: {error}"]
    assert not unnamed
