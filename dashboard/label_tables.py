"""The newest tables that `hmmr harvest measure` left in a lake, checked: a lake may come from anybody."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.view import LakeView, Row

KIND = "label_quality"
"""Of the row of `runs`; its `config` is {"label_quality": {"settings": {...}, "tables": [...]}}."""

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


def newest_tables(view: LakeView) -> tuple[Row | None, list[LabelTable]]:
    """The run that measured last, and its tables; what is no table is passed over."""
    for row in sorted(view.runs, key=lambda row: row["started_at"], reverse=True):
        if row["kind"] == KIND and (tables := _tables(row["config"])):
            return row, tables
    return None, []


def _tables(text: str | None) -> list[LabelTable]:
    try:
        listed: Any = json.loads(text or "{}")[KIND]["tables"]
        found = [_table(each) for each in listed]
    except (ValueError, TypeError, KeyError):
        return []
    return [table for table in found if table is not None]


def _table(raw: Mapping[str, Any]) -> LabelTable | None:
    columns = [str(name) for name in raw["columns"]]
    rows = [[_cell(value) for value in row] for row in raw["rows"]]
    if any(len(row) != len(columns) for row in rows):
        return None
    words = {name: str(raw.get(name, "")) for name in ("key", "title", "note", "bar", "chart")}
    return LabelTable(columns=columns, rows=rows, **words)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, int | float) else str(value)
