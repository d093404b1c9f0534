"""Decision accuracy: how often a small study picks the same winner as the largest, and what each size costs.

A question is a pair of choices (two φ, two label versions, two labelled sets ...) that were trained at the same sizes
with the same seeds and scored on the same sequences. A small study is one size and some of the seeds. It decides
right where the choice with the lower mean error also has the lower mean at the largest size. The means at the largest
size are taken over the seeds that the small study does not use, so that no run counts on both sides. A small study that
uses all seeds leaves none: then the same seeds judge at the largest size. (Magnusson et al., "DataDecide", ICML 2025,
rank whole sets of data by models of each size in the same way.)

Questions on which the largest study itself is unsure are counted apart, since they have no known right answer.

Legend: R seeds, S sequences, H sizes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evaluation.study.draws import DRAWS, draw, noise
from evaluation.study.lake import Setting
from evaluation.study.steps import interval
from evaluation.study.table import MAIN, Float, StudyTable

ENOUGH = 0.95
"""A question is called answered by a size at which so many small studies decide right."""

Choice = tuple[str, str]
"""Study (its series) and φ."""


@dataclass(frozen=True)
class SmallStudy:
    """One size and number of seeds, over the questions that it was asked."""

    hours: float
    seeds: int
    cells: int
    """Trainings that one question takes: two choices, each with every seed."""
    decisions: int
    """Small studies of this kind: questions times the ways to take so many of the seeds."""
    right: float
    """Share that picks the winner of the largest study."""


@dataclass(frozen=True)
class Question:
    """One pair of choices on one test set."""

    setting: Setting
    """Setting of the first choice. That of the second differs in study or φ alone."""
    choices: tuple[Choice, Choice]
    difference: float
    """Error of the second less the first at the largest size, in the unit of the metric."""
    sure: bool
    """Whether the 95 % interval of that difference leaves out zero."""
    sizes: tuple[SmallStudy, ...]
    """Every size that both choices were trained at, with every number of seeds."""

    @property
    def takes(self) -> SmallStudy | None:
        """The cheapest small study (fewest cells, then fewest hours) such that it and every larger one decide right.

        None where there is no such study.
        """
        failing = [size for size in self.sizes if size.right < ENOUGH]
        sufficient = [
            size
            for size in self.sizes
            if not any(smaller.hours >= size.hours and smaller.seeds >= size.seeds for smaller in failing)
        ]
        return min(sufficient, key=lambda size: (size.cells, size.hours), default=None)


def questions(tables: Mapping[Setting, Mapping[str, StudyTable]]) -> list[Question]:
    """Every pair of choices that share a test set, budget, seeds, sequences and two or more sizes.

    Series of other budgets are no choice: at equal epochs a small size is also a short training.
    """
    asked = []
    for (first, first_tables), (second, second_tables) in combinations(sorted(tables.items()), 2):
        same_test = (first.dataset, first.split, first.protocol, first.metric) == (
            second.dataset, second.split, second.protocol, second.metric,
        )  # fmt: skip
        question = (
            _question(first, second, first_tables[MAIN], second_tables[MAIN])
            if same_test and _budget(first) == _budget(second)
            else None
        )
        asked += [question] if question else []
    return asked


def small_studies(questions: Sequence[Question]) -> list[SmallStudy]:
    """All questions together: share of right decisions by hours and seeds."""
    groups: dict[tuple[float, int], list[SmallStudy]] = {}
    for question in questions:
        for size in question.sizes:
            groups.setdefault((round(size.hours, 4), size.seeds), []).append(size)
    return [
        SmallStudy(hours, seeds, sizes[0].cells, sum(size.decisions for size in sizes),
                   sum(size.right * size.decisions for size in sizes) / sum(size.decisions for size in sizes))
        for (hours, seeds), sizes in sorted(groups.items())
    ]  # fmt: skip


def decisions_text(questions: Sequence[Question], minutes: Mapping[str, float] | None = None) -> str:
    """Both tables for a terminal. `minutes` are those of one training by study, where they are known."""
    sure = [question for question in questions if question.sure]
    lines = [f"{len(questions)} questions, {len(sure)} of them sure at the largest size", ""]
    lines.append(f"{'hours':>8} {'seeds':>5} {'cells':>5} {'decisions':>9} {'right':>7} {'right if sure':>13}")
    by_size = {(study.hours, study.seeds): study for study in small_studies(sure)}
    for study in small_studies(questions):
        known = by_size.get((study.hours, study.seeds))
        if_sure = f"{known.right:13.0%}" if known else f"{'-':>13}"
        lines.append(
            f"{study.hours:8.3f} {study.seeds:5d} {study.cells:5d} {study.decisions:9d} {study.right:7.0%} {if_sure}"
        )
    return "\n".join([*lines, "", *(_sentence(question, minutes or {}) for question in questions)])


def _sentence(question: Question, minutes: Mapping[str, float]) -> str:
    names = [f"{study} {phi_name}" for study, phi_name in question.choices]
    where = f"{question.setting.dataset} {question.setting.split}"
    head = f"{names[0]} or {names[1]}, on {where} ({question.difference:+.1f}): "
    if not question.sure:
        return head + "the largest study cannot tell"
    if question.takes is None:
        return head + "no smaller study decides it"
    known = [minutes[study] for study, _ in question.choices if study in minutes]
    duration = f" of {sum(known) / len(known):.1f} minutes" if known else ""
    return head + f"takes {question.takes.cells} cells{duration} at {question.takes.hours:.3f} hours"


def _budget(setting: Setting) -> str:
    """The budget in the series' name, NAME/BUDGET/... (evaluation/study/grid.py)."""
    parts = setting.study.split("/")
    return parts[1] if len(parts) > 1 else ""


def _question(first: Setting, second: Setting, first_table: StudyTable, second_table: StudyTable) -> Question | None:
    errors = _paired(first_table, second_table)
    if errors is None:
        return None
    hours, change_HRS = errors
    change = change_HRS[-1].mean()
    if not change_HRS[-1].any():  # one training under two names
        return None
    choices = ((first.study, first.phi_name), (second.study, second.phi_name))
    return Question(first, choices, float(change), _is_sure(change_HRS[-1]), tuple(_sizes(hours, change_HRS)))


def _paired(first: StudyTable, second: StudyTable) -> tuple[Float, Float] | None:
    """Hours (H) of the sizes that both tables have, and the error (H, R, S) of the second less that of the first.

    None where the two tables cannot be paired.
    """
    shared = [name for name in first.sequences if name in second.sequences]
    seeds = sorted(set(first.seed_C))
    hours = [hour for hour in first.hours_H if np.isclose(second.hours_H, hour, atol=1e-6).any()]
    if not shared or seeds != sorted(set(second.seed_C)) or not (first.crossed and second.crossed) or len(hours) < 2:
        return None
    first_HRS, second_HRS = (
        np.stack([_of_size(table, hour, seeds, shared) for hour in hours]) for table in (first, second)
    )  # fmt: skip
    return np.array(hours), second_HRS - first_HRS


def _of_size(table: StudyTable, hour: float, seeds: Sequence[str], shared: Sequence[str]) -> Float:
    """(R, S) errors at one size."""
    size = int(np.abs(table.hours_H - hour).argmin())
    columns = [table.sequences.index(name) for name in shared]
    rows = {table.seed_C[cell]: cell for cell in np.flatnonzero(table.size_C == size).tolist()}
    return np.asarray(table.error_CS[[rows[seed] for seed in seeds]][:, columns])


def _is_sure(change_RS: Float) -> bool:
    """Whether the 95 % interval of the mean difference leaves out zero (bootstrap over seeds and sequences)."""
    names = tuple(str(place) for place in range(change_RS.shape[1]))
    seeds = tuple(str(place) for place in range(len(change_RS)))
    table = StudyTable(np.ones(1), np.zeros(len(change_RS), np.int64), seeds, names, change_RS)
    if noise(table).df == 0:
        return False
    draws = draw(table, DRAWS)
    spread = interval(float(draws.mean_H[0]), draws.curves[:, 0])
    return bool(spread.low > 0 or spread.high < 0)


def _sizes(hours: Float, change_HRS: Float) -> Iterator[SmallStudy]:
    n_seeds = change_HRS.shape[1]
    for size, hour in enumerate(hours):
        for count in range(1, n_seeds + 1):
            if size == len(hours) - 1 and count == n_seeds:
                continue  # the largest study itself
            subsets = list(combinations(range(n_seeds), count))
            right = [_decides_right(change_HRS, size, subset) for subset in subsets]
            yield SmallStudy(float(hour), count, 2 * count, len(subsets), float(np.mean(right)))


def _decides_right(change_HRS: Float, size: int, subset: Sequence[int]) -> bool:
    others = [seed for seed in range(change_HRS.shape[1]) if seed not in subset] or list(subset)
    small, large = change_HRS[size, list(subset)].mean(), change_HRS[-1, others].mean()
    return bool(small * large > 0)
