"""Things that several tests of the lake need: a clock that stands, and a searcher that decodes every file."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time for a ledger."""
    return Clock()


def _texts(path: Path) -> Iterator[str]:
    """Everything a file says, decoded: compressed bytes hide names from grep."""
    if path.suffix == ".parquet":
        table = pq.ParquetFile(path).read()
        yield str(table.schema.metadata)
        for name in table.column_names:
            yield "\n".join(map(str, table.column(name).to_pylist()))
    elif path.name.endswith(".sqlite"):
        with sqlite3.connect(path) as connection:
            yield "\n".join(connection.iterdump())
    yield path.read_bytes().decode("utf-8", errors="replace")
    yield str(path)


def _floats(path: Path) -> Iterator[np.ndarray[Any, Any]]:
    if path.suffix == ".parquet":
        table = pq.ParquetFile(path).read()
        for name in {"keypoints", "zero_shot_3d", "boxes"} & set(table.column_names):
            yield from (np.asarray(row, np.float32).ravel() for row in table.column(name).to_pylist() if row)


def search(root: Path, names: set[str], first_values: set[float]) -> list[str]:
    """Where below `root` a name, or a row that starts with one of these values, is still to be found."""
    hits = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            hits += [f"{path}: {name}" for text in _texts(path) for name in names if name in text]
            hits += [f"{path}: {row[0]}" for row in _floats(path) if float(row[0]) in first_values]
    return hits


@pytest.fixture
def search_lake() -> Callable[[Path, set[str], set[float]], list[str]]:
    """The searcher."""
    return search
