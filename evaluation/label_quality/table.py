"""A table of measurements: one form for the terminal, for docs/results and for the dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Value = float | int | str | None
"""None where there is nothing to measure."""


BEFORE = ("missed", "false people", "mean", "HOTA", "IDF1")
"""Columns that are worth a second one."""


@dataclass(frozen=True)
class Table:
    """`note` says what was measured on what. `bar` names the column that a page draws as bars; `chart` is
    "reliability" for a table that is also a reliability diagram (columns scored, right, joints and a first column)."""

    key: str
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    bar: str = ""
    chart: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def from_rows(
    key: str, title: str, note: str, rows: Mapping[str, Mapping[str, Value]], *, of: str, bar: str = "",
    chart: str = "",
) -> Table:  # fmt: skip
    """A table whose rows are mappings with the same keys; `of` heads the column with the rows' names."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    body = [[name, *[row.get(column) for column in columns]] for name, row in rows.items()]
    return Table(key, title, note, [of, *columns], body, bar, chart)


def with_before(
    now: Mapping[str, Mapping[str, Value]], before: Mapping[str, Mapping[str, Value]]
) -> dict[str, dict[str, Value]]:
    """Rows of a table whose columns of BEFORE have the earlier value beside them."""
    rows: dict[str, dict[str, Value]] = {}
    for name, row in now.items():
        rows[name] = {}
        for column, value in row.items():
            if column in BEFORE and name in before:
                rows[name][f"{column} before"] = before[name].get(column)
            rows[name][column] = value
    return rows


def markdown(table: Table) -> str:
    """Heading, note and table."""
    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns)
    body = ["| " + " | ".join(shown(value) for value in row) + " |" for row in table.rows]
    return "\n".join([f"## {table.title}", "", table.note, "", head, *body, ""])


def shown(value: Value) -> str:
    """A number with the digits that matter: counts whole, others with four places below ten."""
    if value is None or value != value:
        return "-"
    if isinstance(value, str):
        return value.replace("|", "\\|")
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
