"""Rows to tables and back to numpy.

Legend of shape suffixes: T frames, D feature dimension; 25 keypoints, 24 joints.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import SchemaMismatch
from storage.lake import LakeReader
from storage.schema import schema_of, validated

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrackletArrays:
    """One tracklet as arrays: one person through T frames."""

    tracklet_id: str
    source_id: str
    fps: float
    frame_index: npt.NDArray[np.int32]
    """(T,) index in decode order."""
    pts: npt.NDArray[np.int64]
    """(T,) in the stream's time base."""
    boxes: Float32
    """(T, 4) x0 y0 x1 y1 px."""
    keypoints: Float32
    """(T, 25, 3) x y px and score."""
    observed: npt.NDArray[np.bool_]
    """(T,) False where the tracker bridged a gap."""


@dataclass(frozen=True)
class Labels3D:
    """True 3D of one tracklet; metres, camera frame (x right, y down, z forward)."""

    truth_id: str
    split: str
    body: str
    valid: npt.NDArray[np.bool_]
    """(T,) whether the frame has a label."""
    keypoints_3d: Float32
    """(T, 25, 3) m; NaN for joints without a label."""
    keypoints_2d: Float32
    """(T, 25, 3) x y px and visible."""
    rotations: Float32 | None
    """(T, 24, 3, 3), root in camera axes."""
    betas: Float32 | None
    """(10,)"""
    translation: Float32 | None
    """(T, 3) m."""


@dataclass(frozen=True)
class Pseudo3D:
    """3D of one tracklet by one label round; metres, camera axes (x right, y down, z forward), pelvis at the origin."""

    body: str
    rotations: Float32
    """(T, 24, 3, 3), root in camera axes."""
    betas: Float32
    """(10,)"""
    keypoints_3d: Float32
    """(T, 25, 3) m."""
    confidence: Float32
    """(T, 25) 0 to 1; 0: not to be used."""


def rows_to_table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as dicts to a table with the schema of `name`; numpy arrays are taken for list columns.

    A key that is no column, or a column that is required and absent, raises SchemaMismatch.
    """
    schema = schema_of(name)
    listed = list(rows)
    unknown = {key for row in listed for key in row} - set(schema.names)
    if unknown:
        raise SchemaMismatch(f"{name}: no column {', '.join(sorted(unknown))} in the schema")
    columns = {field.name: _array(name, field, [row.get(field.name) for row in listed]) for field in schema}
    return validated(name, pa.table(columns))


def _array(name: str, field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        if pa.types.is_list(field.type):
            return list_array(values, field.type)
        return pa.array([_scalar(value) for value in values], field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError, OverflowError) as error:
        raise SchemaMismatch(f"{name}.{field.name}: {error}") from error


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def list_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A list column from one array or list a row (None: null). Arrays of more axes become (T, rest) lists."""
    if not any(isinstance(value, np.ndarray) for value in values):
        return pa.array(values, kind)
    nested = pa.types.is_list(kind.value_type)
    arrays = [None if value is None else np.asarray(value) for value in values]
    lengths = [0 if array is None else len(array) for array in arrays]
    mask = np.array([array is None for array in arrays])
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    present = [array for array in arrays if array is not None and len(array)]
    inner_kind = kind.value_type
    leaf = inner_kind.value_type if nested else inner_kind
    flat = [np.ravel(array) for array in present]
    leaves = pa.array(np.concatenate(flat) if flat else [], leaf)
    if nested:
        widths = [np.full(len(array), array[0].size) for array in present]
        inner_offsets = pa.array(np.concatenate([[0], np.cumsum(np.concatenate([[], *widths]))]).astype(np.int32))
        leaves = pa.ListArray.from_arrays(inner_offsets, leaves)
    return pa.ListArray.from_arrays(offsets, leaves, mask=pa.array(mask)).cast(kind)


def flat_rows(column: pa.ChunkedArray | pa.Array) -> list[npt.NDArray[Any] | None]:
    """Each row of a (nested) list column as a flat numpy array; None for null."""
    result: list[npt.NDArray[Any] | None] = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        result.extend(_flat_chunk(chunk))
    return result


def _flat_chunk(chunk: pa.Array) -> list[npt.NDArray[Any] | None]:
    # .offsets and .values keep slices and nulls exact, where flatten() would drop both.
    outer = chunk.offsets.to_numpy()
    values = chunk.values
    if pa.types.is_list(values.type):
        outer = values.offsets.to_numpy()[outer]
        values = values.values
    leaf = values.to_numpy(zero_copy_only=False)
    valid = chunk.is_valid().to_numpy(zero_copy_only=False)
    return [leaf[outer[i] : outer[i + 1]] if valid[i] else None for i in range(len(chunk))]


def _flat(row: Mapping[str, Any], name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.asarray(row[name], dtype=kind).reshape(-1)


def tracklet_arrays(row: Mapping[str, Any]) -> TrackletArrays:
    """A row of `tracklets` (lists or arrays) as arrays."""
    return TrackletArrays(
        tracklet_id=str(row["tracklet_id"]),
        source_id=str(row["source_id"]),
        fps=row["fps_num"] / row["fps_den"],
        frame_index=_flat(row, "frame_index", np.int32),
        pts=_flat(row, "pts", np.int64),
        boxes=_flat(row, "boxes", np.float32).reshape(-1, 4),
        keypoints=_flat(row, "keypoints", np.float32).reshape(-1, 25, 3),
        observed=_flat(row, "observed", np.bool_),
    )


def labels_3d(row: Mapping[str, Any]) -> Labels3D:
    """A row of `labels3d` (lists or arrays) as arrays."""

    def maybe(name: str, shape: tuple[int, ...]) -> Float32 | None:
        return None if row[name] is None else _flat(row, name, np.float32).reshape(shape)

    return Labels3D(
        truth_id=str(row["truth_id"]),
        split=str(row["split"]),
        body=str(row["body"]),
        valid=_flat(row, "valid", np.bool_),
        keypoints_3d=_flat(row, "keypoints_3d", np.float32).reshape(-1, 25, 3),
        keypoints_2d=_flat(row, "keypoints_2d", np.float32).reshape(-1, 25, 3),
        rotations=maybe("rotations", (-1, 24, 3, 3)),
        betas=maybe("betas", (-1,)),
        translation=maybe("translation", (-1, 3)),
    )


def row_views(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as dicts in which every list column is a flat numpy array: fast, where to_pylist() is slow."""
    columns: dict[str, Any] = {}
    for field in table.schema:
        column = table.column(field.name)
        numeric = pa.types.is_list(field.type) and not pa.types.is_string(field.type.value_type)
        columns[field.name] = flat_rows(column) if numeric else column.to_pylist()
    for i in range(table.num_rows):
        yield {name: values[i] for name, values in columns.items()}


def _among(ids: Sequence[str] | None) -> pc.Expression | None:
    return None if ids is None else pc.field("tracklet_id").isin(pa.array(list(ids), pa.string()))


_ARRAY_COLUMNS = (
    "tracklet_id", "source_id", "fps_num", "fps_den", "frame_index", "pts", "boxes", "keypoints", "observed",
)  # fmt: skip


def iter_tracklets(lake: LakeReader, ids: Sequence[str] | None = None) -> Iterator[TrackletArrays]:
    """Tracklets of the lake, all or those of `ids`, in the order of their ids."""
    table = lake.read("tracklets", _ARRAY_COLUMNS, _among(ids)).sort_by("tracklet_id")
    yield from (tracklet_arrays(row) for row in row_views(table))


ZERO_SHOT = "zero_shot"
"""As a part of a φ's name: the 2D network's own 3D as 75 numbers, 0 for joints that it lacks."""
TURN = "turn"
"""As a part of a φ's name: one number, the radians by which the crop of a turned φ is turned (storage/schema.py)."""

TURNED, UPRIGHT = "blazepose_turned+turn", "blazepose_penultimate"
"""φ of turned crops with their turn, and the same network's φ of upright crops, which are turned by zero: a tracklet
that lacks the first is read as the second with turn 0."""


def read_phi(lake: LakeReader, phi_name: str, ids: Sequence[str] | None = None) -> dict[str, npt.NDArray[np.float16]]:
    """Image features by tracklet: (T, D) float16.

    Several side by side are named with a plus, such as `blazepose_penultimate+zero_shot+keypoints`; a tracklet that
    lacks one of them is left out. `zero_shot` is the 3D that came with the named φ (`zero_shot_of`).
    """
    names = phi_name.split("+")
    parts = [_one_phi(lake, name, ids, phi_name) for name in names]
    if len(parts) == 1:
        return parts[0]
    complete = [tracklet_id for tracklet_id in parts[0] if all(tracklet_id in part for part in parts)]
    joined = {tracklet_id: np.concatenate([part[tracklet_id] for part in parts], axis=1) for tracklet_id in complete}
    if phi_name != TURNED:
        return joined
    upright = _one_phi(lake, UPRIGHT, ids, phi_name)
    return {tracklet_id: turned_by_zero(phi) for tracklet_id, phi in upright.items()} | joined


def turned_by_zero(phi_TD: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    """φ of upright crops with a turn of 0 beside it (T, D + 1)."""
    return np.concatenate([phi_TD, np.zeros((len(phi_TD), 1), np.float16)], axis=1)


def zero_shot_phi(points: Float32) -> npt.NDArray[np.float16]:
    """The 2D network's own 3D, of any shape with 75 numbers a frame, as a φ (T, 75)."""
    return np.nan_to_num(points.reshape(-1, 75)).astype(np.float16)


def turn_phi(turn_T: Float32) -> npt.NDArray[np.float16]:
    """The turn of each frame's crop, radians (T,), as a φ (T, 1)."""
    return np.asarray(turn_T, np.float16).reshape(-1, 1)


def _one_phi(
    lake: LakeReader, phi_name: str, ids: Sequence[str] | None, beside: str
) -> dict[str, npt.NDArray[np.float16]]:
    if phi_name == ZERO_SHOT:
        points_by_id = read_zero_shot(lake, ids, beside)
        return {key: zero_shot_phi(points) for key, points in points_by_id.items()}
    wanted = _among(ids)
    if phi_name == TURN:
        known = pc.field("turn").is_valid()
        turns = lake.read("features", ["tracklet_id", "turn"], known if wanted is None else known & wanted)
        return {row["tracklet_id"]: turn_phi(row["turn"]) for row in row_views(turns)}
    chosen = pc.field("phi_name") == phi_name
    table = lake.read("features", ["tracklet_id", "phi_dim", "phi"], chosen if wanted is None else chosen & wanted)
    return {
        row["tracklet_id"]: np.frombuffer(row["phi"], "<f2").reshape(-1, row["phi_dim"]) for row in row_views(table)
    }


def read_labels3d(lake: LakeReader, ids: Sequence[str] | None = None, split: str | None = None) -> dict[str, Labels3D]:
    """3D labels by tracklet, all or those of `ids` and `split`."""
    wanted = _among(ids)
    if split is not None:
        chosen = pc.field("split") == split
        wanted = chosen if wanted is None else wanted & chosen
    return {row["tracklet_id"]: labels_3d(row) for row in row_views(lake.read("labels3d", None, wanted))}


def read_pseudo3d(lake: LakeReader, round_id: str, ids: Sequence[str] | None = None) -> dict[str, Pseudo3D]:
    """What a label round says of each tracklet, all or those of `ids`."""
    wanted, chosen = _among(ids), pc.field("round_id") == round_id
    table = lake.read("pseudo3d", None, chosen if wanted is None else wanted & chosen)
    return {
        row["tracklet_id"]: Pseudo3D(
            body=str(row["body"]),
            rotations=_flat(row, "rotations", np.float32).reshape(-1, 24, 3, 3),
            betas=_flat(row, "betas", np.float32),
            keypoints_3d=_flat(row, "keypoints_3d", np.float32).reshape(-1, 25, 3),
            confidence=_flat(row, "confidence", np.float32).reshape(-1, 25),
        )
        for row in row_views(table)
    }


def read_zero_shot(
    lake: LakeReader, ids: Sequence[str] | None = None, phi_name: str | None = None
) -> dict[str, Float32]:
    """The 2D network's own 3D by tracklet: (T, 25, 3) m, hip-centred, camera axes; only where there is one.

    A tracklet with several φ may have several. `phi_name` says which φ is used beside it: `zero_shot_of` chooses.
    """
    valid = pc.field("zero_shot_3d").is_valid()
    wanted = _among(ids)
    columns = ["tracklet_id", "phi_name", "zero_shot_3d"]
    points_by_id: dict[str, dict[str, Float32]] = {}
    for row in row_views(lake.read("features", columns, valid if wanted is None else valid & wanted)):
        points_by_id.setdefault(row["tracklet_id"], {})[row["phi_name"]] = row["zero_shot_3d"].reshape(-1, 25, 3)
    return {key: points[zero_shot_of(points, phi_name)] for key, points in points_by_id.items()}


_FIRST_WITH_3D = "blazepose_penultimate"


def zero_shot_of(with_3d: Collection[str], phi_name: str | None) -> str:
    """Which φ's row gives a tracklet's own 3D: a part of `phi_name` if one of them has 3D, else
    `blazepose_penultimate`, else the first by name. `with_3d`: the φ of the tracklet's rows that hold 3D."""
    named = [part for part in (phi_name or "").split("+") if part in with_3d]
    return min(named or with_3d, key=lambda name: (name != _FIRST_WITH_3D and not named, name))
