"""The statistics of every study that a lake holds, kept in the lake beside its scores.

A report is a row of `runs` of kind "study": `config` is {"of": {...Setting...}, "report": {...}}. The dashboard
reads it from there, since it reads only the lake.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluation.study.report import CEILING, ReportOptions, report
from evaluation.study.table import MAIN, StudyRowsError, StudyTable, table
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import rows_to_table

METRICS = ("pa_mpjpe_mm", "mpjpe_mm", "accel_error_mm_frame2")
"""Errors that a law is fitted to; the others are shares and counts."""

_COLUMNS = ["run_id", "study", "phi_name", "dataset", "split", "protocol", "metric", "variant", "hours", "seed",
            "sequence", "value", "scored_at"]  # fmt: skip


@dataclass(frozen=True, order=True)
class Setting:
    """What all rows of one curve share. Rows of two settings are never mixed in one curve."""

    study: str
    phi_name: str
    dataset: str
    split: str
    protocol: str
    metric: str


def study_tables(lake: Lake, study: str | None = None) -> dict[Setting, dict[str, StudyTable]]:
    """Tables by variant of every setting in `scores` that has a curve. A cell scored twice counts by its newest row."""
    where = pc.field("metric").isin(list(METRICS)) & pc.field("variant").isin([MAIN, CEILING])
    if study is not None:
        where = where & (pc.field("study") == study)
    return tables_of(_of_one_pool(lake, lake.read("scores", _COLUMNS, where).to_pylist()))


def exported_tables(path: Path) -> dict[Setting, dict[str, StudyTable]]:
    """As `study_tables`, from a Parquet file of score rows, such as docs/results/open_world/scores.parquet.

    StudyRowsError where the file is not such a file.
    """
    where = pc.field("metric").isin(list(METRICS)) & pc.field("variant").isin([MAIN, CEILING])
    columns = [name for name in _COLUMNS if name != "scored_at"]
    try:
        rows = pq.read_table(path, columns=columns, filters=where).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise StudyRowsError(f"{path}: is no Parquet file of score rows ({error})") from error
    return tables_of([row | {"scored_at": place} for place, row in enumerate(rows)])


def training_minutes(lake: Lake) -> dict[str, float]:
    """Mean minutes of one training by study, over the runs that have rows in the lake."""
    seconds = {
        row["run_id"]: row["seconds"]
        for row in lake.read("runs", ["run_id", "kind", "seconds"]).to_pylist()
        if row["kind"] == "train"
    }
    scored = lake.read("scores", ["study", "run_id"]).group_by(["study", "run_id"]).aggregate([]).to_pylist()
    minutes_by_study: dict[str, list[float]] = defaultdict(list)
    for row in scored:
        if row["run_id"] in seconds:
            minutes_by_study[row["study"]].append(seconds[row["run_id"]] / 60)
    return {study: sum(values) / len(values) for study, values in minutes_by_study.items()}


def tables_of(rows: Iterable[Mapping[str, Any]]) -> dict[Setting, dict[str, StudyTable]]:
    """Score rows as tables by setting and variant; settings without a curve are left out."""
    groups: dict[Setting, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if not row["sequence"].startswith("*") and row["value"] == row["value"]:
            groups[Setting(**{name: row[name] for name in Setting.__annotations__})][row["variant"]].append(row)
    by_setting = {setting: _tables(variants) for setting, variants in sorted(groups.items())}
    return {setting: tables for setting, tables in by_setting.items() if MAIN in tables}


def keep_reports(
    lake: Lake, study: str, *, command: str, commit: str, options: ReportOptions | None = None
) -> dict[Setting, dict[str, Any]]:
    """Report on every curve of a study with at least two sizes, and append the reports to the lake's `runs`."""
    began = datetime.now(UTC)
    reports = {
        setting: report(tables, options)
        for setting, tables in study_tables(lake, study).items()
        if len(tables[MAIN].hours_H) > 1
    }
    rows = [_row(setting, content, began, command, commit) for setting, content in reports.items()]
    if rows:
        lake.append("runs", rows_to_table("runs", rows))
    return reports


def _of_one_pool(lake: Lake, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of each study that belong to the snapshot that was scored last, since one curve needs one pool."""
    runs = lake.read("runs", ["run_id", "snapshot"]).to_pylist()
    pool = {run["run_id"]: run["snapshot"] for run in runs if run["snapshot"]}
    last: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["scored_at"]):
        if row["run_id"] in pool:
            last[row["study"]] = pool[row["run_id"]]
    return [row for row in rows if pool.get(row["run_id"]) in (None, last.get(row["study"]))]


def _tables(variants: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, StudyTable]:
    tables = {}
    for variant, rows in variants.items():
        newest: dict[tuple[float, str, str], float] = {}
        for row in sorted(rows, key=lambda row: row["scored_at"]):
            newest[(row["hours"], str(row["seed"]), row["sequence"])] = row["value"]
        try:
            tables[variant] = table((*key, value) for key, value in newest.items())
        except StudyRowsError:
            continue  # cells without a common sequence: nothing can be said about them
    return tables


def _row(setting: Setting, content: dict[str, Any], began: datetime, command: str, commit: str) -> dict[str, Any]:
    digest = hashlib.sha256("\x1f".join(("fit", *asdict(setting).values())).encode()).hexdigest()[:32]
    config = json.dumps({"of": asdict(setting), "report": content}, allow_nan=False)
    return run_row("study", digest, began, config, command=command, commit=commit)
