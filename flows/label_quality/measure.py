"""All measurements of label quality, one after the other, and where they are kept."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.label_quality.table import Table, markdown
from flows.label_quality.bench import Bench, MeasureConfig, Told
from flows.label_quality.change_tables import filter_tables, side_tables
from flows.label_quality.error_tables import error_tables, noise_tables, tracking_tables
from flows.label_quality.finish_tables import calibration_tables, smoothing_tables
from flows.label_quality.real_video import athlete_table, squats_table
from flows.label_quality.shot_tables import shot_tables
from flows.provenance import code_commit
from storage.atomic import write_atomically
from storage.lake import Lake
from storage.tables import rows_to_table

KIND = "label_quality"
"""Of the row of `runs`; its `config` is {"label_quality": {"settings": {...}, "tables": [...]}}."""
MARK = "<!-- Below: written by `hmmr harvest measure --page`, not by hand. -->"


def _real_tables(bench: Bench) -> list[Table]:
    if bench.config.real is None:
        return []
    return [
        squats_table(bench.config.real, bench.shelf, bench.config.label),
        athlete_table(bench.config.real, bench.shelf, bench.config.label),
    ]


PARTS: Mapping[str, Callable[[Bench], list[Table]]] = {
    "errors": error_tables, "tracking": tracking_tables, "shots": shot_tables, "filters": filter_tables,
    "scores": calibration_tables, "smoothing": smoothing_tables, "sides": side_tables, "real": _real_tables,
    "noise": noise_tables,
}  # fmt: skip
"""What can be measured by itself, in the order of the page."""


def measure(config: MeasureConfig, out: Path, told: Told, parts: tuple[str, ...] = tuple(PARTS)) -> list[Table]:
    """The tables of these parts. Everything below `out` is kept: interrupted, the same call goes on; after a change
    of a threshold the networks are asked only what they were not asked before."""
    bench = Bench(config, out, told)
    return [table for part in parts for table in PARTS[part](bench)]


def keep(tables: list[Table], lake: Lake, config: MeasureConfig, command: str, began: float) -> str:
    """Write the tables as a row of `runs`; its id. The dashboard shows the newest."""
    settings = json.loads(json.dumps(asdict(config), default=str))
    content: dict[str, Any] = {KIND: {"settings": settings, "tables": [table.as_dict() for table in tables]}}
    text = json.dumps(content, sort_keys=True)
    run_id = f"{KIND}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    row = {
        "run_id": run_id, "kind": KIND, "started_at": datetime.fromtimestamp(began, UTC),
        "seconds": time.time() - began, "config": text, "snapshot": None, "checkpoint": None, "command": command,
        "commit": code_commit(), "curves": "{}",
    }  # fmt: skip
    lake.append("runs", rows_to_table("runs", [row]), transaction=f"run/{run_id}/{began}")
    return run_id


def write_page(tables: list[Table], page: Path, command: str) -> None:
    """Replace what is below MARK in a page of docs/results, or begin one; what people wrote above stays."""
    above = page.read_text().split(MARK)[0].rstrip() if page.exists() else "# What the labels are worth"
    told = f"    {command}\n\nCode: {code_commit()[:12]}, {datetime.now(UTC):%d %B %Y}. Errors are parts of diagonals."
    text = "\n\n".join([above, MARK, told, *[markdown(table).rstrip() for table in tables]])
    write_atomically(page, text + "\n")
