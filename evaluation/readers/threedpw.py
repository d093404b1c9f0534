"""3DPW as it is downloaded: sequenceFiles/SPLIT/*.pkl and imageFiles/SEQUENCE/image_%05d.jpg, 30 frames a second.

Legend: N frames, A actors; world and camera in metres.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24
from evaluation.camera import Camera
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import OPENPOSE_18
from evaluation.readers.files import named_below, opens, read_pickle
from evaluation.sequence import BenchmarkSequence, BodyMotion, Joints, field_of, shaped

FPS = 30.0
SPLITS = {"train": 24, "validation": 12, "test": 24}
"""Sequences in each split of the official release. HMMR's list of 25 test names has one that is not in it."""

_BODIES = {"m": "smpl_male", "f": "smpl_female"}


@opens("path")
def read_3dpw_file(path: Path, split: str) -> list[BenchmarkSequence]:
    """The actors of one sequence (sequenceFiles/SPLIT/NAME.pkl), in the frame of its moving camera."""
    entries = read_pickle(path)
    if not isinstance(entries, dict):
        raise BadDatasetError(path, f"holds a {type(entries).__name__}, not a sequence")
    to_camera = shaped(path, "cam_poses", field_of(path, entries, "cam_poses"), None, 4, 4)
    actors = field_of(path, entries, "poses")
    return [_actor(path, split, entries, to_camera, actor) for actor in range(len(actors))]


def _actor(
    path: Path, split: str, entries: Mapping[str, Any], to_camera: NDArray[np.float64], actor: int
) -> BenchmarkSequence:
    def own(name: str) -> Any:
        return field_of(path, field_of(path, entries, name), actor)

    length = len(to_camera)
    poses, short = _padded(shaped(path, f"poses[{actor}]", own("poses"), None, 72), length)
    joints, _ = _padded(shaped(path, f"jointPositions[{actor}]", own("jointPositions"), None, 72), length)
    place, _ = _padded(shaped(path, f"trans[{actor}]", own("trans"), None, 3), length)
    seen, _ = _padded(shaped(path, f"poses2d[{actor}]", own("poses2d"), None, 3, len(OPENPOSE_18)), length, 0.0)
    posed, _ = _padded(np.asarray(own("campose_valid"), np.float64).reshape(-1), length, 0.0)
    turn, shift = to_camera[:, :3, :3], to_camera[:, :3, 3]
    joints_world = joints.reshape(length, 24, 3)
    joints_camera = np.einsum("nij,nkj->nki", turn, joints_world) + shift[:, None]
    detected = seen.any((1, 2))
    known = np.isfinite(joints).all(1)
    name = str(entries.get("sequence", path.stem))
    return BenchmarkSequence(
        dataset="3dpw",
        split=split,
        name=f"{name}/{actor}",
        fps=FPS,
        frame_ids=np.arange(length),
        valid=(posed > 0) & detected & known,
        joints_3d=Joints(SMPL_24, joints_camera),
        joints_2d=Joints(OPENPOSE_18, seen.transpose(0, 2, 1)),
        camera=_lens(path, entries),
        body=_body(path, own, poses.reshape(length, 24, 3), turn, joints_camera[:, 0], joints_world[:, 0] - place),
        images=_images(path, name, length),
        counted={"short_actor": short, "camera_invalid": int((posed == 0).sum()), "undetected": int((~detected).sum())},
    )


def _padded(values: NDArray[np.float64], length: int, fill: float = np.nan) -> tuple[NDArray[np.float64], int]:
    """An actor may be tracked for fewer frames than the sequence has: the rest is not labelled, and counted."""
    short = max(0, length - len(values))
    tail = np.full((short, *values.shape[1:]), fill)
    return np.concatenate([values[:length], tail]), short


def _body(
    path: Path,
    own: Any,
    axis_angles: NDArray[np.float64],
    turn: NDArray[np.float64],
    pelvis_camera: NDArray[np.float64],
    pelvis_offset: NDArray[np.float64],
) -> BodyMotion:
    """SMPL in the camera: the root is turned about the pelvis, so the pelvis, not `trans`, goes through the camera."""
    gender = str(own("genders"))
    known = np.isfinite(axis_angles[:, 0]).all(1)
    root = np.full_like(axis_angles[:, 0], np.nan)
    root[known] = (Rotation.from_matrix(turn[known]) * Rotation.from_rotvec(axis_angles[known, 0])).as_rotvec()
    turned = np.concatenate([root[:, None], axis_angles[:, 1:]], 1)
    betas = np.asarray(own("betas"), np.float64).reshape(-1)[:10]
    if gender not in _BODIES:
        raise BadDatasetError(path, f"gender {gender!r} is neither m nor f")
    return BodyMotion(_BODIES[gender], turned, betas, pelvis_camera - pelvis_offset)


def _lens(path: Path, entries: Mapping[str, Any]) -> Camera:
    k = shaped(path, "cam_intrinsics", field_of(path, entries, "cam_intrinsics"), 3, 3)
    return Camera(focal=np.array([k[0, 0], k[1, 1]]), centre=k[:2, 2])


def _images(path: Path, name: str, length: int) -> tuple[Path, ...]:
    folder = named_below(path, path.parents[2] / "imageFiles", name)
    return tuple(folder / f"image_{i:05d}.jpg" for i in range(length))
