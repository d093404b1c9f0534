"""mmhuman3d's HumanData: one .npz of single-view frames, 190 joint columns with masks, SMPL in a pickled dictionary.

Legend: N frames, K columns kept (190, or only those that the mask has: "compressed").
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from body.joints import SMPL_24
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import HUMAN_DATA, HUMAN_DATA_SMPL
from evaluation.readers.files import opens, read_npz
from evaluation.sequence import BenchmarkSequence, BodyMotion, Joints, field_of, shaped

COLUMNS = 190
Columns: TypeAlias = tuple[dict[int, int], NDArray[np.float64]]


@opens("path")
def read_humandata(path: Path, split: str = "") -> BenchmarkSequence:
    """The whole file as one sequence; `images` are relative to the dataset's folder, which the file does not name."""
    entries = read_npz(path)
    seen = _columns(path, entries, "keypoints2d", 3)
    solid = _columns(path, entries, "keypoints3d", 4)
    length = len(field_of(path, entries, "image_path"))
    points, names = (solid, _names(solid[0])) if solid is not None else (None, ())
    valid = np.ones(length, bool) if seen is None else np.asarray((seen[1][..., 2] > 0).any(1))
    return BenchmarkSequence(
        dataset="humandata",
        split=split,
        name=path.stem,
        fps=None,
        frame_ids=np.arange(length),
        valid=valid,
        joints_2d=None if seen is None else _joints(seen, _names(seen[0])),
        joints_3d=None if points is None else _joints(points, names),
        body=_body(path, entries),
        images=tuple(Path(str(name)) for name in entries["image_path"]),
    )


def _columns(path: Path, entries: Mapping[str, Any], name: str, width: int) -> Columns | None:
    """Where each of the 190 columns that hold something is, and the values (N, K, width)."""
    if name not in entries:
        return None
    mask = shaped(path, f"{name}_mask", field_of(path, entries, f"{name}_mask"), COLUMNS) > 0
    values = shaped(path, name, entries[name], None, None, width)
    known = np.flatnonzero(mask)
    if values.shape[1] == COLUMNS:
        return {int(column): int(column) for column in known}, values
    if values.shape[1] != len(known):
        raise BadDatasetError(path, f"{name} has {values.shape[1]} columns, its mask {len(known)}")
    return {int(column): place for place, column in enumerate(known)}, values


def _names(places: Mapping[int, int]) -> tuple[tuple[str, int], ...]:
    """Joint names with the place of their values: OpenPose's points where the file has them, else SMPL's."""
    named = [(name, places[column]) for name, column in HUMAN_DATA.items() if column in places]
    taken = {name for name, _ in named}
    smpl = zip(SMPL_24, HUMAN_DATA_SMPL, strict=True)
    return tuple(named + [(name, places[column]) for name, column in smpl if column in places and name not in taken])


def _joints(columns: Columns, names: tuple[tuple[str, int], ...]) -> Joints:
    return Joints(tuple(name for name, _ in names), columns[1][:, [place for _, place in names], :3])


def _body(path: Path, entries: Mapping[str, Any]) -> BodyMotion | None:
    smpl = entries.get("smpl")
    if not isinstance(smpl, dict) or "body_pose" not in smpl:
        return None
    pose = shaped(path, "smpl/body_pose", np.asarray(smpl["body_pose"]).reshape(-1, 69), None, 69)
    root = shaped(path, "smpl/global_orient", np.asarray(smpl["global_orient"]).reshape(-1, 3), len(pose), 3)
    betas = np.asarray(smpl.get("betas", np.zeros((1, 10))), np.float64).reshape(-1, 10).mean(0)
    place = smpl.get("transl")
    translation = None if place is None else shaped(path, "smpl/transl", place, len(pose), 3)
    return BodyMotion("smpl_neutral", np.concatenate([root, pose], 1).reshape(-1, 24, 3), betas, translation)
