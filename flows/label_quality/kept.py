"""Where measurements of label quality are kept: a row of `runs` each part, of which a page shows the newest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.label_quality.table import Table, markdown
from flows.label_quality.bench import MeasureConfig
from flows.label_quality.measure import PARTS
from flows.provenance import code_commit
from storage.atomic import write_atomically
from storage.json_text import MISFIT, read_object
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import rows_to_table

KIND = "label_quality"
"""Of the rows; `config` is {"label_quality": {"part": ..., "place": ..., "settings": {...}, "tables": [...]}}."""
MARK = "<!-- Below: written by `hmmr harvest measure --page`, not by hand. -->"


@dataclass(frozen=True)
class Part:
    """One measurement as it was kept."""

    name: str
    tables: Sequence[Table]
    command: str
    commit: str
    began: datetime


def keep(part: str, tables: Sequence[Table], lake: Lake, config: MeasureConfig, command: str, began: float) -> str:
    """Write one part as a row of `runs`; its id."""
    settings = json.loads(json.dumps(asdict(config), default=str))
    content: dict[str, Any] = {
        "part": part, "place": list(PARTS).index(part), "settings": settings,
        "tables": [table.as_dict() for table in tables],
    }  # fmt: skip
    text = json.dumps({KIND: content}, sort_keys=True)
    run_id = f"{KIND}-{part}-{hashlib.sha256(f'{text} {began}'.encode()).hexdigest()[:24]}"
    row = run_row(KIND, run_id, datetime.fromtimestamp(began, UTC), text, command=command, commit=code_commit())
    lake.append("runs", rows_to_table("runs", [row]), transaction=f"run/{run_id}")
    return run_id


def newest(lake: Lake) -> list[Part]:
    """Of each part the measurement that began last, in the order of the page."""
    found: dict[str, Part] = {}
    for row in sorted(lake.read("runs").to_pylist(), key=lambda row: row["started_at"]):
        if row["kind"] == KIND:
            part = _part(row)
            found[part.name] = part
    return [found[part] for part in PARTS if part in found]


def _part(row: Mapping[str, Any]) -> Part:
    """ValueError names a row that no measurement wrote."""
    try:
        content = read_object(row["config"])[KIND]
        tables = [Table(**table) for table in content["tables"]]
        return Part(content["part"], tables, row["command"], row["commit"], row["started_at"])
    except MISFIT as error:
        raise ValueError(f"run {row['run_id']} of the lake is no measurement of labels: {error}") from None


def write_page(parts: Sequence[Part], page: Path) -> None:
    """Replace what is below MARK in a page of docs/results, or begin one; what people wrote above stays."""
    above = page.read_text().split(MARK)[0].rstrip() if page.exists() else "# What the labels are worth"
    text = "\n\n".join([above, MARK, *[_told(part) for part in parts]])
    write_atomically(page, text + "\n")


def _told(part: Part) -> str:
    made = f"`{part.command}`, part `{part.name}`, {part.began:%d %B %Y}, code {part.commit[:12]}."
    first, *others = [markdown(table).rstrip() for table in part.tables] or [""]
    return "\n\n".join([first, made, *others]).strip()
