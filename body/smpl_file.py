"""Body files in SMPL's format: our .npz, or the official .pkl through the safe unpickler; checked before use.

Legend: V vertices, F triangles, J = 24 joints, K betas, P = 207 entries of the pose feature, M keypoints.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from body.joints import SMPL_24
from body.npz_file import NpzError, read_npz
from body.safe_pickle import load_body_pickle

Array = npt.NDArray[np.float64]

MAX_BETAS = 10


class BodyFileError(ValueError):
    """A body file lacks something or does not fit together; the message names the file and the array."""


@dataclass(frozen=True)
class BodyArrays:
    """v_template (V, 3) m, shapedirs (V, 3, K), posedirs (V, 3, P) or None for zeros, J_regressor (J, V),
    weights (V, J), parents (J), faces (F, 3), keypoint_regressor (M, V) or None."""

    path: Path
    v_template: Array
    shapedirs: Array
    posedirs: Array | None
    J_regressor: Array
    weights: Array
    parents: tuple[int, ...]
    faces: npt.NDArray[np.int64]
    keypoint_regressor: Array | None


def read_body(path: Path) -> BodyArrays:
    """Read a body file. Raises BodyFileError, or UnsafePickleError for a pickle that would run code."""
    entries = load_body_pickle(path) if path.suffix == ".pkl" else _load_npz(path)
    missing = {"v_template", "shapedirs", "J_regressor", "weights", "kintree_table", "f"} - entries.keys()
    if missing:
        raise BodyFileError(f"{path}: lacks {', '.join(sorted(missing))}; is it an SMPL-format file?")
    posedirs = _floats(path, entries, "posedirs") if "posedirs" in entries else None
    body = BodyArrays(
        path=path,
        v_template=_floats(path, entries, "v_template"),
        shapedirs=_floats(path, entries, "shapedirs")[..., :MAX_BETAS],
        posedirs=posedirs if posedirs is not None and posedirs.any() else None,
        J_regressor=_floats(path, entries, "J_regressor"),
        weights=_floats(path, entries, "weights"),
        parents=_parents(entries["kintree_table"]),
        faces=np.asarray(entries["f"]).astype(np.int64),
        keypoint_regressor=_keypoint_regressor(path, entries),
    )
    _check(body)
    return body


def _load_npz(path: Path) -> dict[str, Any]:
    try:
        return dict(read_npz(path))
    except NpzError as problem:
        raise BodyFileError(f"{path}: {problem}") from problem


def _floats(path: Path, entries: dict[str, Any], name: str) -> Array:
    try:
        values = np.asarray(entries[name], dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise BodyFileError(f"{path}: {name} is not an array of numbers") from problem
    if not np.isfinite(values).all():
        raise BodyFileError(f"{path}: {name} holds NaN or infinity")
    return values


def _parents(kintree_table: object) -> tuple[int, ...]:
    """Row 0 of the table; official files write the root's parent as 2**32 - 1."""
    parents = [int(p) for p in np.asarray(kintree_table)[0]]
    return (-1, *parents[1:])


def _keypoint_regressor(path: Path, entries: dict[str, Any]) -> Array | None:
    """Ours, or the one that HMMR's release keeps in its body file in the same order of 25."""
    for name in ("keypoint_regressor", "cocoplus_regressor"):
        if name in entries:
            regressor = _floats(path, entries, name)
            return regressor.T if regressor.shape[0] > regressor.shape[1] else regressor
    return None


def _check(body: BodyArrays) -> None:
    count, joints = len(body.v_template), len(SMPL_24)
    wanted: dict[str, tuple[int | None, ...]] = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, None),
        "posedirs": (count, 3, 9 * (joints - 1)),
        "J_regressor": (joints, count),
        "weights": (count, joints),
        "faces": (None, 3),
        "keypoint_regressor": (None, count),
    }
    for name, shape in wanted.items():
        array = getattr(body, name)
        if array is not None and not _fits(array.shape, shape):
            raise BodyFileError(f"{body.path}: {name} has shape {array.shape}, expected {shape}")
    if len(body.parents) != joints:
        raise BodyFileError(f"{body.path}: {len(body.parents)} joints; only bodies with SMPL's {joints} are read")
    if body.faces.min() < 0 or body.faces.max() >= count:
        raise BodyFileError(f"{body.path}: faces name vertices that do not exist")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))
