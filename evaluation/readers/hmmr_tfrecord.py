"""HMMR's own records (InstaVariety, VLOG-people, Penn, H36M, 3DPW), one person's track each, without TensorFlow.

Legend: N frames; 25 universal keypoints; pixels of the 224 px crop. Mind: training crops are jittered a frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25
from evaluation.errors import BadDatasetError
from evaluation.readers.files import opens
from evaluation.readers.tfrecord import Feature, read_examples
from evaluation.sequence import BenchmarkSequence, BodyMotion, Joints, field_of

CROP_PX = 224.0


@dataclass(frozen=True)
class HmmrRecord:
    """One track, with what only these files have."""

    sequence: BenchmarkSequence
    jpegs: tuple[bytes, ...]
    """N encoded crops of 224 x 224."""
    phi: NDArray[np.float32] | None
    """(N, 2048) of HMR's ResNet-50 v2, where the record has them."""


@opens("path")
def read_hmmr_records(path: Path, split: str = "") -> Iterator[HmmrRecord]:
    """Every track of a .tfrecord. BadDatasetError names the file, the record and what it lacks."""
    for number, features in enumerate(read_examples(path)):
        yield _record(path, split, number, features)


def _record(path: Path, split: str, number: int, features: dict[str, Feature]) -> HmmrRecord:
    length = int(_numbers(path, features, "meta/N", 1)[0])
    common = _numbers(path, features, "image/xys", length, 2, 14)
    seen = _numbers(path, features, "image/visibilities", length, 1, 14)
    face = _optional(path, features, "image/face_pts", length, 3, 5)
    toes = _optional(path, features, "image/toe_pts", length, 3, 6)
    points = np.concatenate([np.concatenate([common, seen], 1), face, toes], 2).transpose(0, 2, 1)
    phi = _numbers(path, features, "image/phis", length, 2048) if "image/phis" in features else None
    if phi is not None:  # records with features hold labels in [-1, 1] of the crop
        points = np.concatenate([(points[..., :2] + 1) * CROP_PX / 2, points[..., 2:]], -1)
    names = [name.decode("utf-8", "replace") for name in features.get("image/filenames", [])]
    truth = _numbers(path, features, "mosh/gt3ds", length, -1, 3)[:, :14] if _has_3d(features) else None
    sequence = BenchmarkSequence(
        dataset="hmmr_tfrecord",
        split=split,
        name=f"{path.stem}/{number}",
        fps=25.0,
        frame_ids=np.arange(length),
        valid=np.asarray(points[..., 2].any(1)),
        joints_2d=Joints(KEYPOINTS_25, points.astype(np.float64)),
        joints_3d=None if truth is None else Joints(KEYPOINTS_25[:14], truth.astype(np.float64)),
        body=_body(path, features, length),
        images=tuple(Path(name) for name in names),
    )
    return HmmrRecord(sequence, tuple(features.get("image/encoded", [])), phi)


def _has_3d(features: dict[str, Feature]) -> bool:
    """Absent truth is written as zeros, so the flags decide; without any flag (test records) gt3ds itself does."""
    flags = [features[name] for name in ("meta/has_3d", "meta/has_3d_joints") if name in features]
    truth = features.get("mosh/gt3ds", [])
    flagged = any(np.asarray(flag).any() for flag in flags) if flags else True
    return flagged and len(truth) > 0 and bool(np.any(np.asarray(truth)))


def _body(path: Path, features: dict[str, Feature], length: int) -> BodyMotion | None:
    """SMPL where there is one: absent poses are written as -1."""
    poses = np.asarray(features.get("mosh/poses", []), np.float64)
    if not len(poses) or bool((poses == -1).all()):
        return None
    axis_angles = _numbers(path, features, "mosh/poses", length, 24, 3).astype(np.float64)
    betas = np.asarray(field_of(path, features, "mosh/shape"), np.float64).reshape(-1)[:10]
    return BodyMotion("smpl_neutral", axis_angles, betas)


def _numbers(path: Path, features: dict[str, Feature], name: str, *shape: int) -> NDArray[Any]:
    try:
        return np.asarray(field_of(path, features, name)).reshape(shape)
    except ValueError:
        size = len(features[name])
        raise BadDatasetError(path, f"{name} has {size} values, which is not {'x'.join(map(str, shape))}") from None


def _optional(path: Path, features: dict[str, Feature], name: str, *shape: int) -> NDArray[Any]:
    if not len(features.get(name, [])):
        return np.zeros(shape, np.float32)
    return _numbers(path, features, name, *shape)
