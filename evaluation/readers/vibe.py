"""VIBE's databases: insta_train_db.h5, and the *_db.pt files, which are joblib dumps of one dictionary.

Legend: M rows of all videos, J joints; a video's rows lie together.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, SMPL_24
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import H36M_REGRESSOR_14, OPENPOSE_25
from evaluation.readers.files import opens, read_hdf5, read_pickle
from evaluation.sequence import BenchmarkSequence, BodyMotion, Joints, field_of, shaped

SPIN_49: tuple[str, ...] = (
    *(f"openpose_{name}" for name in OPENPOSE_25),
    *H36M_REGRESSOR_14,
    "pelvis", "thorax", "spine", "jaw", "head", "nose", "left_eye", "right_eye", "left_ear", "right_ear",
)  # fmt: skip
"""SPIN's 49: OpenPose's 25, then 24 labelled ones. Only the second block goes by plain names."""

BY_COUNT = {14: H36M_REGRESSOR_14, 24: SMPL_24, 25: KEYPOINTS_25, 49: SPIN_49}
"""The files do not name their joints; VIBE's code tells them apart by number, and so do we. 25 are HMMR's."""


@opens("path")
def read_vibe(path: Path, split: str = "") -> Iterator[BenchmarkSequence]:
    """Every video of a database, .h5 or .pt. BadDatasetError names what is broken or unknown."""
    entries = read_hdf5(path, ("vid_name", "frame_id", "joints2D")) if path.suffix == ".h5" else read_pickle(path)
    if not isinstance(entries, dict):
        raise BadDatasetError(path, f"holds a {type(entries).__name__}, not a database")
    names = np.asarray(field_of(path, entries, "vid_name")).reshape(-1)
    changes = np.flatnonzero(names[1:] != names[:-1]) + 1
    for rows in np.split(np.arange(len(names)), changes):
        if len(rows):
            yield _video(path, split, entries, names, rows)


def _video(
    path: Path, split: str, entries: Mapping[str, Any], names: NDArray[Any], rows: NDArray[np.int64]
) -> BenchmarkSequence:
    name = names[rows[0]]
    valid = np.asarray(entries["valid"]).reshape(len(names), -1)[rows].all(1) if "valid" in entries else None
    pictures = np.asarray(entries["img_name"])[rows] if "img_name" in entries else ()
    return BenchmarkSequence(
        dataset="vibe",
        split=split,
        name=name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name),
        fps=None,
        frame_ids=_frame_ids(path, entries, rows),
        valid=np.ones(len(rows), bool) if valid is None else valid.astype(bool),
        joints_2d=_joints(path, entries, "joints2D", rows),
        joints_3d=_joints(path, entries, "joints3D", rows),
        body=_body(path, entries, rows),
        images=tuple(Path(str(image)) for image in pictures),
    )


def _frame_ids(path: Path, entries: Mapping[str, Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the frames: plain, or the digits that end a name (PoseTrack's and Penn's rows)."""
    values = np.asarray(field_of(path, entries, "frame_id"))[rows]
    if values.dtype.kind in "iuf":
        return values.astype(np.int64)
    texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    return np.array(["".join(filter(str.isdigit, text))[-9:] or "0" for text in texts]).astype(np.int64)


def _joints(path: Path, entries: Mapping[str, Any], name: str, rows: NDArray[np.int64]) -> Joints | None:
    if name not in entries:
        return None
    points = shaped(path, name, np.asarray(entries[name])[rows], None, None, 3)
    if points.shape[1] not in BY_COUNT:
        raise BadDatasetError(path, f"{name} has {points.shape[1]} joints; known are {sorted(BY_COUNT)}")
    return Joints(BY_COUNT[points.shape[1]], points)


def _body(path: Path, entries: Mapping[str, Any], rows: NDArray[np.int64]) -> BodyMotion | None:
    if "pose" not in entries or "shape" not in entries:
        return None
    pose = shaped(path, "pose", np.asarray(entries["pose"])[rows], None, 72).reshape(-1, 24, 3)
    betas = shaped(path, "shape", np.asarray(entries["shape"])[rows], None, 10)
    return BodyMotion("smpl_neutral", pose, betas.mean(0))
