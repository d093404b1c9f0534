"""Is this name anywhere below the lake? Every file is decoded, because compressed bytes hide names from grep.

Independent of everything else here on purpose: it knows no layout, it opens whatever lies there.
"""

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def search(root: Path, names: Collection[str], first_values: Collection[float] = ()) -> list[str]:
    """'file: name' for each name found in a path, a text, a Parquet cell, an SQLite row, or in raw bytes; and for each
    list of numbers (keypoints, boxes, ...) that starts with one of `first_values`, exact to the bit."""
    hits = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            hits += [f"{path}: {name}" for text in _texts(path) for name in names if name in text]
            if first_values:
                hits += [f"{path}: {value}" for value in _first_values(path) if value in first_values]
    return hits


def _texts(path: Path) -> Iterator[str]:
    yield str(path)
    yield path.read_bytes().decode("utf-8", errors="replace")
    table = _parquet(path)
    if table is not None:
        yield str(table.schema.metadata)
        for name in table.column_names:
            yield "\n".join(map(str, table.column(name).to_pylist()))
    elif path.suffix in (".sqlite", ".db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            yield "\n".join(connection.iterdump())


def _parquet(path: Path) -> pa.Table | None:
    if path.suffix != ".parquet":
        return None
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError):
        return None


def _first_values(path: Path) -> Iterator[float]:
    table = _parquet(path)
    if table is None:
        return
    for field in table.schema:
        kind = field.type
        while pa.types.is_list(kind):
            kind = kind.value_type
        if pa.types.is_list(field.type) and pa.types.is_floating(kind):
            yield from (_first(row) for row in table.column(field.name).to_pylist() if row)


def _first(row: list[Any]) -> float:
    return float(np.asarray(row, np.float32).ravel()[0])
