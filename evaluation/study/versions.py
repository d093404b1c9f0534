"""Is one label version better to train on than another? Paired on the same videos, seeds and test sequences.

The error of the first version is subtracted from that of each other one, at each size, seed and sequence, so that what
two versions share cancels. The bootstrap of evaluation/study/draws.py draws these differences over seeds and sequences,
for each version separately, because chance affects the versions unequally: smoothed labels keep the order of training
and differ little by luck, while a filter that drops one tracklet changes every batch. The size without film is left
out: there all versions are one training.

Legend: B draws, C cells, R seeds, S sequences.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from evaluation.study.draws import DRAWS, draw, noise
from evaluation.study.lake import Setting, study_tables
from evaluation.study.steps import CONFIDENCE, Interval, interval
from evaluation.study.table import MAIN, Float, StudyRowsError, StudyTable
from storage.lake import Lake
from storage.runs import run_row
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
    """Compares each other table with the first one.

    Sizes are matched by their order, not by their hours: versions keep different hours of the same videos. With one run
    a size every answer is "unclear", since the scatter of runs is unknown. StudyRowsError where sizes, seeds or
    sequences of two tables differ.
    """
    base, others = next(iter(tables.values())), list(tables.items())[1:]
    level = 1 - (1 - CONFIDENCE) / max(len(others), 1)
    return [_compared(name, _difference(_with_film(base), _with_film(table)), level, count) for name, table in others]


def _compared(name: str, change: StudyTable, level: float, count: int) -> Compared:
    sizes = range(len(change.hours_H))
    changes = [change.error_CS[change.size_C == size] for size in sizes]
    drawn = [_drawn(change_RS, change, count) for change_RS in changes]
    mean, mean_B, df = _drawn(np.mean(changes, axis=0), change, count)
    answer = _answer(interval(mean, mean_B, level)) if df > 0 else "unclear"
    at_sizes = tuple((float(change.hours_H[size]), interval(*drawn[size][:2])) for size in sizes)
    return Compared(name, interval(mean, mean_B), at_sizes, answer)


def _drawn(change_RS: Float, change: StudyTable, count: int) -> tuple[float, Float, int]:
    """Mean of the differences (R, S), its draws (B), and the degrees of freedom of the scatter over seeds.

    Callers average the differences of one seed over the sizes before they draw: one seed fixes the film, the labelled
    set and the order of training, so its differences at several sizes are not independent.
    """
    table = StudyTable(np.ones(1), np.zeros(len(change_RS), np.int64), tuple(map(str, range(len(change_RS)))),
                     change.sequences, change_RS)  # fmt: skip
    draws = draw(table, count)
    return float(draws.mean_H[0]), draws.curves[:, 0], noise(table).df


def keep_comparison(
    lake: Lake, words: Mapping[str, str], labels: Mapping[str, str], *, command: str, commit: str, began: datetime
) -> dict[Setting, list[Compared]]:
    """Compare the series that `words` names, the first with each other one, in every setting that all are scored in.

    Appends one row of `runs` of kind "study": `config` is {"versions": {"words": ..., "labels": ...}, "compared":
    [{"of": {...Setting...}, "rows": [...]}, ...]}; words and label versions are by series.
    """
    comparisons = {}
    for setting, tables in _by_setting(lake, list(words)).items():
        try:
            comparisons[setting] = compare(tables)
        except StudyRowsError:
            continue  # a version without a whole curve: nothing can be said about it yet
    compared_rows = [
        {"of": asdict(setting), "rows": [asdict(version) for version in compared]}
        for setting, compared in comparisons.items()
    ]
    config = {"versions": {"words": dict(words), "labels": dict(labels)}, "compared": compared_rows}
    lake.append("runs", rows_to_table("runs", [_row(config, began, command, commit)]))
    return comparisons


def _with_film(table: StudyTable) -> StudyTable:
    zero = int((table.hours_H == 0).sum())
    kept_C = table.size_C >= zero
    seeds = tuple(seed for seed, keep in zip(table.seed_C, kept_C, strict=True) if keep)
    return replace(
        table, hours_H=table.hours_H[zero:], size_C=table.size_C[kept_C] - zero, seed_C=seeds,
        error_CS=table.error_CS[kept_C],
    )  # fmt: skip


def _difference(base: StudyTable, other: StudyTable) -> StudyTable:
    """The table `other` with its errors replaced by their differences to those of `base`."""
    if not len(base.hours_H) or (*base.size_C, *base.seed_C) != (*other.size_C, *other.seed_C):
        raise StudyRowsError("the label versions were not run at the same sizes and seeds")
    if not base.crossed:
        raise StudyRowsError("the label versions were not run with the same seeds at every size")
    if base.sequences != other.sequences:
        raise StudyRowsError("the label versions were not scored on the same sequences")
    return replace(other, error_CS=other.error_CS - base.error_CS)


def _answer(change: Interval) -> Answer:
    if change.high < 0:
        return "better"
    return "worse" if change.low > 0 else "unclear"


def _by_setting(lake: Lake, series: Sequence[str]) -> dict[Setting, dict[str, StudyTable]]:
    """Main tables by series, of each setting (named by the first series) that all of them have."""
    by_series = {name: study_tables(lake, name) for name in series}
    by_setting = {}
    for setting in by_series[series[0]]:
        tables = {name: by_series[name].get(replace(setting, study=name), {}).get(MAIN) for name in series}
        if all(table is not None for table in tables.values()):
            by_setting[setting] = {name: table for name, table in tables.items() if table is not None}
    return by_setting


def _row(config: Mapping[str, Any], began: datetime, command: str, commit: str) -> dict[str, Any]:
    name = "\x1f".join(("label versions", *config["versions"]["words"]))
    run_id = hashlib.sha256(name.encode()).hexdigest()[:32]
    return run_row("study", run_id, began, json.dumps(config, allow_nan=False), command=command, commit=commit)
