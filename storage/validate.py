"""Rows against the schema of their table, with the inner lengths that Delta does not keep."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import SchemaMismatch
from storage.schema import TABLES

_PER_FRAME = {
    "tracklets": ("frame_index", "pts", "observed", "boxes", "keypoints"),
    "labels3d": ("valid", "keypoints_3d", "keypoints_2d", "rotations", "translation"),
}
"""Columns of a table that all have T entries in each row."""

_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 and 9999 in microseconds from 1970, as all times of the schema are."""


def schema_of(name: str) -> pa.Schema:
    """Schema of a table of the lake; KeyError lists the tables there are."""
    if name not in TABLES:
        raise KeyError(f"no table {name!r} in a lake; there are {', '.join(TABLES)}")
    return TABLES[name]


def validated(name: str, table: pa.Table) -> pa.Table:
    """The table in its schema's column order and types. SchemaMismatch names the column and the first bad row."""
    schema = schema_of(name)
    unknown = set(table.column_names) - set(schema.names)
    if unknown:
        raise SchemaMismatch(f"{name}: no column {', '.join(sorted(unknown))} in the schema")
    result = pa.Table.from_arrays([_column(name, field, table) for field in schema], schema=schema)
    for field in schema:
        width = int((field.metadata or {}).get(b"width", b"0"))
        if width:
            _check_width(name, field.name, result.column(field.name), width)
    _check_frames(name, result)
    check_times(name, result)
    if name == "features":
        _check_phi(result)
    return result


def check_times(name: str, table: pa.Table) -> pa.Table:
    """The same table. SchemaMismatch names the first row whose time no calendar has (Python's ends with the year
    9999, and what is beyond fails far from here)."""
    for field in table.schema:
        if pa.types.is_timestamp(field.type):
            ticks = table.column(field.name).cast(pa.int64())
            bad = pc.fill_null(pc.or_(pc.less(ticks, _FIRST_US), pc.greater(ticks, _LAST_US)), False)
            if pc.any(bad).as_py():
                raise SchemaMismatch(f"{name}.{field.name}: row {_first(bad)} holds a time that no calendar has")
    return table


def _column(name: str, field: pa.Field, table: pa.Table) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        if not field.nullable:
            raise SchemaMismatch(f"{name}: column {field.name} is missing")
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    column = table.column(field.name)
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise SchemaMismatch(f"{name}.{field.name}: {column.type} does not fit {field.type}: {error}") from error
    if column.null_count and not field.nullable:
        raise SchemaMismatch(f"{name}.{field.name}: row {_first(column.is_null())} is null but the column is required")
    return column


def _first(flags: pa.ChunkedArray) -> int:
    return int(np.flatnonzero(flags.to_numpy(zero_copy_only=False))[0])


def _check_width(name: str, column_name: str, column: pa.ChunkedArray, width: int) -> None:
    inner = pc.list_value_length(pc.list_flatten(column))
    bad = pc.fill_null(pc.not_equal(inner, width), True)
    if not pc.any(bad).as_py():
        return
    row = int(pc.list_parent_indices(column)[_first(bad)].as_py())
    raise SchemaMismatch(f"{name}.{column_name}: row {row} has an entry that is not {width} long")


def _check_frames(name: str, table: pa.Table) -> None:
    columns = _PER_FRAME.get(name)
    if columns is None:
        return
    counted = "n_frames" in table.column_names
    want = table.column("n_frames") if counted else pc.list_value_length(table.column(columns[0]))
    for column in columns:
        differs = pc.fill_null(pc.not_equal(pc.list_value_length(table.column(column)), want), False)
        if pc.any(differs).as_py():
            row = _first(differs)
            raise SchemaMismatch(f"{name}.{column}: row {row} does not have T = {want[row]} entries")


def _check_phi(table: pa.Table) -> None:
    frame_bytes = pc.multiply(table.column("phi_dim"), 2)
    size = pc.binary_length(table.column("phi"))
    whole = pc.multiply(pc.divide(size, pc.max_element_wise(frame_bytes, 1)), frame_bytes)
    bad = pc.or_(pc.not_equal(whole, size), pc.less_equal(frame_bytes, 0))
    if pc.any(bad).as_py():
        raise SchemaMismatch(f"features.phi: row {_first(bad)} is not a whole number of float16 rows of phi_dim")
