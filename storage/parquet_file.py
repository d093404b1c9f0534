"""How a Parquet file of the lake is written: zstd, byte-stream-split floats, dictionaries for strings only."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_BYTES = 8 << 20
"""Uncompressed size of a row group: what a reader must decode to get one row, and what a loader buffers."""


def leaves(name: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    """Parquet's paths of the leaf columns of a field, with their types."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return leaves(f"{name}.list.element", kind.value_type)
    return [(name, kind)]


def encodings(schema: pa.Schema) -> dict[str, Any]:
    """Keyword arguments of pyarrow's writer for this schema."""
    paths = [leaf for field in schema for leaf in leaves(field.name, field.type)]
    return {
        "compression": "zstd",
        "column_encoding": {path: "BYTE_STREAM_SPLIT" for path, kind in paths if pa.types.is_floating(kind)},
        "use_dictionary": [path for path, kind in paths if pa.types.is_string(kind)],
    }


def write_parquet(table: pa.Table, where: str, filesystem: Any) -> None:
    """Write `table` to `where`. OSError when the disk is full."""
    rows_a_group = max(1, int(ROW_GROUP_BYTES * table.num_rows / max(1, table.nbytes)))
    pq.write_table(table, where, filesystem=filesystem, row_group_size=rows_a_group, **encodings(table.schema))
