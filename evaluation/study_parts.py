"""The ranking of a pool's parts from the scores in a lake, and its place there.

Coalition K of study NAME, cut BY something, is scored as study "NAME/by-BY/K" with variant "part". The ranking is a
row of `runs` of kind "study" whose `config` is {"which": {...}, "ranking": [...]}.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow.compute as pc

from evaluation.study.table import table
from evaluation.study_coalitions import Coalition, coalition_name, coalitions
from evaluation.study_worth import Worth, worth
from storage.lake import Lake
from storage.tables import rows_to_table

PART = "part"
"""Variant of a model that was trained on a coalition."""


def part_study(name: str, by: str, coalition: Coalition) -> str:
    """What the scores of one coalition are called."""
    return f"{name}/by-{by}/{coalition_name(coalition)}"


def ranking(
    lake: Lake, name: str, by: str, hours: Mapping[str, float], *, dataset: str, split: str, metric: str
) -> list[Worth]:
    """Worth of each part, best an hour first; StudyRowsError where the coalitions share no sequence."""
    order = coalitions(sorted(hours))
    place = {part_study(name, by, coalition): float(k) for k, coalition in enumerate(order)}
    where = (
        (pc.field("variant") == PART) & (pc.field("dataset") == dataset) & (pc.field("split") == split)
        & (pc.field("metric") == metric) & pc.field("study").isin(list(place))
    )  # fmt: skip
    newest: dict[tuple[float, str, str], float] = {}
    rows = lake.read("scores", ["study", "seed", "sequence", "value", "scored_at"], where).sort_by("scored_at")
    for row in rows.to_pylist():
        if not row["sequence"].startswith("*") and row["value"] == row["value"]:
            newest[(place[row["study"]], str(row["seed"]), row["sequence"])] = row["value"]
    return worth(table((*key, value) for key, value in newest.items()), order, hours)


def keep_ranking(
    lake: Lake, found: list[Worth], which: Mapping[str, str], *, command: str, commit: str, began: datetime
) -> None:
    """Append a ranking to the lake's `runs`. `which` says study, by, dataset, split and metric."""
    told = json.dumps({"which": dict(which), "ranking": [asdict(one) | {"surely": one.surely} for one in found]})
    row = {
        "run_id": hashlib.sha256(f"which\x1f{sorted(which.items())}".encode()).hexdigest()[:32], "kind": "study",
        "started_at": began, "seconds": (datetime.now(UTC) - began).total_seconds(), "config": told, "snapshot": None,
        "checkpoint": None, "command": command, "commit": commit, "curves": "{}",
    }  # fmt: skip
    lake.append("runs", rows_to_table("runs", [row]))
