"""The newest parts that `hmmr harvest measure` left in a lake, checked: a lake may come from anybody."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_object

KIND = "label_quality"
"""Of the rows of `runs`; `config` is {"label_quality": {"part": ..., "place": ..., "tables": [...], ...}}."""

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
        content = read_object(row["config"])[KIND]
        tables = [table for each in content["tables"] if (table := _table(each)) is not None]
        return (str(content["part"]), float(content["place"]), tables) if tables else None
    except MISFIT:
        return None


def _table(raw: Mapping[str, Any]) -> LabelTable | None:
    columns = [str(name) for name in raw["columns"]]
    rows = [[_cell(value) for value in row] for row in raw["rows"]]
    if any(len(row) != len(columns) for row in rows):
        return None
    words = {name: str(raw.get(name, "")) for name in ("key", "title", "note", "bar", "chart")}
    return LabelTable(columns=columns, rows=rows, **words)


def _cell(value: Any) -> Cell:
    """Bars and diagrams are drawn with finite numbers; NaN, and whole numbers larger than a float, are words."""
    try:
        return value if value is None or isinstance(value, bool) or math.isfinite(value) else str(value)
    except (TypeError, OverflowError):
        return str(value)
