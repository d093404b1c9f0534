"""Is one label version better to train on than another? Paired on the same videos, seeds and test sequences.

The versions' sizes become the sizes of one table, so that the same draws serve all (study_draws.py): test sequences
level one, the noise of single trainings, pooled over all versions and sizes, level two. The size without film is left
out: there the versions are one training.

Legend: B draws, V versions, K sizes with film.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from evaluation.study_draws import DRAWS, draw, noise
from evaluation.study_lake import Setting, study_tables
from evaluation.study_steps import CONFIDENCE, Interval, interval
from evaluation.study_table import MAIN, StudyRowsError, StudyTable
from storage.lake import Lake
from storage.tables import rows_to_table

Answer = Literal["better", "worse", "unclear"]


@dataclass(frozen=True)
class Compared:
    """One version against the first. A negative change is an error that is lower, in the unit of the metric."""

    series: str
    change: Interval
    """Mean over the sizes with film, with its 95 % interval."""
    at_sizes: tuple[tuple[float, Interval], ...]
    """The version's own hours at each size, and the change there."""
    answer: Answer
    """Whether the change is surely not zero: its interval at 95 % for all versions together (Bonferroni) decides."""


def compare(tables: Mapping[str, StudyTable], count: int = DRAWS) -> list[Compared]:
    """Each table but the first against the first; StudyRowsError where they have not the same sizes and sequences.

    Sizes are matched in order: the same share of the same videos is other hours where more or less was kept. With one
    run a size everything is unclear, since runs that cannot show their scatter prove nothing.
    """
    names = list(tables)
    fed = {name: _with_film(table) for name, table in tables.items()}
    one = _one_table(list(fed.values()))
    draws, known = draw(one, count), noise(one).df > 0
    sizes = len(fed[names[0]].hours_H)
    drawn_BVK = (draws.mean_H + draws.shape_BH).reshape(count, len(names), sizes)
    mean_VK = draws.mean_H.reshape(len(names), sizes)
    found = []
    for place, name in enumerate(names[1:], 1):
        change_K, change_BK = mean_VK[place] - mean_VK[0], drawn_BVK[:, place] - drawn_BVK[:, 0]
        every = [interval(change_K[k], change_BK[:, k]) for k in range(sizes)]
        mean, mean_B = float(change_K.mean()), change_BK.mean(axis=1)
        surely = interval(mean, mean_B, 1 - (1 - CONFIDENCE) / (len(names) - 1))
        hours = fed[name].hours_H.tolist()
        answer = _answer(surely) if known else "unclear"
        found.append(Compared(name, interval(mean, mean_B), tuple(zip(hours, every, strict=True)), answer))
    return found


def keep_comparison(
    lake: Lake, words: Mapping[str, str], labels: Mapping[str, str], *, command: str, commit: str, began: datetime
) -> dict[Setting, list[Compared]]:
    """Compare the series that `words` names, the first with each other one, in every setting that all are scored in.

    Appends one row of `runs` of kind "study": `config` is {"versions": {"words": ..., "labels": ...}, "compared":
    [{"of": {...Setting...}, "rows": [...]}, ...]}; words and label versions are by series.
    """
    found = {}
    for setting, tables in _by_setting(lake, list(words)).items():
        try:
            found[setting] = compare(tables)
        except StudyRowsError:
            continue  # a version without a whole curve: nothing can be said about it yet
    told = [{"of": asdict(setting), "rows": [asdict(one) for one in compared]} for setting, compared in found.items()]
    config = {"versions": {"words": dict(words), "labels": dict(labels)}, "compared": told}
    lake.append("runs", rows_to_table("runs", [_row(config, began, command, commit)]))
    return found


def _with_film(table: StudyTable) -> StudyTable:
    zero = int((table.hours_H == 0).sum())
    kept_C = table.size_C >= zero
    seeds = tuple(seed for seed, keep in zip(table.seed_C, kept_C, strict=True) if keep)
    return replace(
        table, hours_H=table.hours_H[zero:], size_C=table.size_C[kept_C] - zero, seed_C=seeds,
        error_CS=table.error_CS[kept_C],
    )  # fmt: skip


def _one_table(tables: Sequence[StudyTable]) -> StudyTable:
    first = tables[0]
    if not len(first.hours_H) or {len(table.hours_H) for table in tables} != {len(first.hours_H)}:
        raise StudyRowsError("the label versions were not run at the same sizes")
    if len(tables) < 2 or len({table.sequences for table in tables}) > 1:
        raise StudyRowsError("the label versions were not scored on the same sequences")
    size_C = np.concatenate([table.size_C + place * len(first.hours_H) for place, table in enumerate(tables)])
    seeds = tuple(seed for table in tables for seed in table.seed_C)
    errors_CS = np.concatenate([table.error_CS for table in tables])
    return StudyTable(
        np.arange(len(tables) * len(first.hours_H), dtype=np.float64), size_C, seeds, first.sequences, errors_CS
    )


def _answer(change: Interval) -> Answer:
    if change.high < 0:
        return "better"
    return "worse" if change.low > 0 else "unclear"


def _by_setting(lake: Lake, series: Sequence[str]) -> dict[Setting, dict[str, StudyTable]]:
    """Main tables by series, of each setting (named by the first series) that all of them have."""
    every = {name: study_tables(lake, name) for name in series}
    found = {}
    for setting in every[series[0]]:
        tables = {name: every[name].get(replace(setting, study=name), {}).get(MAIN) for name in series}
        if all(table is not None for table in tables.values()):
            found[setting] = {name: table for name, table in tables.items() if table is not None}
    return found


def _row(config: Mapping[str, Any], began: datetime, command: str, commit: str) -> dict[str, Any]:
    name = "\x1f".join(("label versions", *config["versions"]["words"]))
    return {
        "run_id": hashlib.sha256(name.encode()).hexdigest()[:32], "kind": "study", "started_at": began,
        "seconds": (datetime.now(UTC) - began).total_seconds(), "config": json.dumps(config, allow_nan=False),
        "snapshot": None, "checkpoint": None, "command": command, "commit": commit, "curves": "{}",
    }  # fmt: skip
