"""The newest parts that `hmmr harvest measure` left in a lake, checked: a lake may come from anybody."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.view import LakeView, Row

KIND = "label_quality"
"""Of the rows of `runs`; `config` is {"label_quality": {"part": ..., "place": ..., "tables": [...], ...}}."""

_LARGEST = 10**300
"""JSON's whole numbers may be larger than a float, and bars and diagrams are drawn with floats."""

Cell = str | int | float | None


@dataclass(frozen=True)
class LabelTable:
    """One table as evaluation/label_quality/table.py writes it."""

    key: str
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    bar: str
    chart: str


@dataclass(frozen=True)
class LabelPart:
    """One part, and the row of `runs` that it is from."""

    run: Row
    tables: Sequence[LabelTable]


def newest_parts(view: LakeView) -> list[LabelPart]:
    """Of each part the newest, in the page's order; what holds no table is passed over."""
    found: dict[str, tuple[float, LabelPart]] = {}
    for row in sorted(view.runs, key=lambda row: row["started_at"]):
        if row["kind"] == KIND and (read := _read(row)):
            name, place, tables = read
            found[name] = place, LabelPart(row, tables)
    return [part for _, part in sorted(found.values(), key=lambda pair: pair[0])]


def _read(row: Row) -> tuple[str, float, list[LabelTable]] | None:
    try:
        content: Any = json.loads(row["config"] or "{}")[KIND]
        tables = [table for each in content["tables"] if (table := _table(each)) is not None]
        return (str(content["part"]), float(content["place"]), tables) if tables else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _table(raw: Mapping[str, Any]) -> LabelTable | None:
    columns = [str(name) for name in raw["columns"]]
    rows = [[_cell(value) for value in row] for row in raw["rows"]]
    if any(len(row) != len(columns) for row in rows):
        return None
    words = {name: str(raw.get(name, "")) for name in ("key", "title", "note", "bar", "chart")}
    return LabelTable(columns=columns, rows=rows, **words)


def _cell(value: Any) -> Cell:
    drawable = isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST)
    return value if value is None or drawable else str(value)
