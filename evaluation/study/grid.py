"""The grid of a data-scale study: which cells there are, and what makes each one different.

A cell is no training: flows/study/run.py turns it into one. Scores carry the name of the cell's `series`, so that
budgets, labelled sets, levels of noise and label versions become curves of their own and are never averaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from evaluation.study.config import Budget, StudyConfig

KEYPOINTS = "keypoints"
"""The φ that a random camera can be given anew: it needs no pixels."""
_LEAST_DIGITS = 8
"""Of a label version's name in its series' name."""


@dataclass(frozen=True)
class Series:
    """One curve (of each φ): all of its cells share these."""

    name: str
    """Under which it is scored."""
    budget: Budget
    labelled: int | None
    """Labelled sources; None: all."""
    noise: float
    """Sigmas added to the pseudo-labels' 2D."""
    main: bool
    """Whether it is the one that the study is about; the others vary one thing of it."""
    phi: tuple[str, ...]
    labels: str | None
    """Label version of the pool; None: the newest."""


@dataclass(frozen=True)
class GridCell:
    """One training of the grid. `step_share` scales the preset's number of steps."""

    series: str
    variant: str
    share: float
    seed: int
    phi_name: str
    step_share: float = 1.0
    labelled: int | None = None
    noise: float = 0.0
    labels: str | None = None


def all_series(config: StudyConfig) -> list[Series]:
    """The main series, its other budgets, then other labelled sets, noise and labels under the first budget."""
    first, size = config.budgets[0], config.labelled[0]
    version = config.labels[0] if config.labels else None
    beside = config.side_phi or config.phi
    asked = [(budget, size, 0.0, config.phi, version) for budget in config.budgets]
    asked += [(first, other, 0.0, beside, version) for other in config.labelled[1:]]
    asked += [(first, size, level, beside, version) for level in config.noise[1:]]
    asked += [(first, size, 0.0, beside, other) for other in config.labels[1:]]
    return [
        Series(_name(config, budget, labelled, noise, labels), budget, labelled, noise, place == 0, phi, labels)
        for place, (budget, labelled, noise, phi, labels) in enumerate(asked)
    ]


def label_series(config: StudyConfig) -> dict[str, str]:
    """Label version by name of the series that differ in nothing else, the main one first; empty with one version."""
    if len(config.labels) < 2:
        return {}
    first, size = config.budgets[0], config.labelled[0]
    return {
        one.name: one.labels
        for one in all_series(config)
        if one.labels and (one.budget, one.labelled, one.noise) == (first, size, 0.0)
    }


def cells(config: StudyConfig, labelled_hours: float, pool_hours: float) -> Iterator[GridCell]:
    """Every cell, each of a series once. Hours of labelled film (of all of it) and of the snapshot set the steps of
    equal epochs."""
    for series in all_series(config):
        for phi_name in series.phi:
            for variant, shares in _variants(config, series, phi_name):
                for share in shares:
                    by_epochs = series.budget == "epochs"
                    steps = epoch_share(share, labelled_hours, pool_hours) if by_epochs else 1.0
                    for seed in config.seeds:
                        yield GridCell(
                            series.name, variant, share, seed, phi_name, steps, series.labelled, series.noise,
                            series.labels,
                        )  # fmt: skip


def candidates(config: StudyConfig, labelled: int | None = None) -> Iterator[GridCell]:
    """Models without film with several numbers of steps, to be chosen from on dev."""
    if 0.0 not in config.shares:
        return
    for phi_name in config.phi if labelled == config.labelled[0] else config.side_phi or config.phi:
        for step_share in config.step_shares_without_film:
            for seed in config.seeds:
                series = f"{config.name}/candidates{_size(config, labelled)}"
                yield GridCell(series, "candidate", 0.0, seed, phi_name, step_share, labelled)


def epoch_share(share: float, labelled_hours: float, pool_hours: float) -> float:
    """Steps relative to the whole pool's, so that every hour is seen as often at every size."""
    return (labelled_hours + share * pool_hours) / (labelled_hours + pool_hours)


def _variants(config: StudyConfig, series: Series, phi_name: str) -> list[tuple[str, tuple[float, ...]]]:
    other = bool(config.labels) and series.labels != config.labels[0]
    aside = series.labelled != config.labelled[0] or series.noise > 0 or other
    found = [("semi", (config.side_shares or config.shares) if aside else config.shares)]
    if not aside or not config.side_shares:
        found.append(("ceiling", config.ceilings))
    if series.main:
        found.append(("perfect_2d", config.perfect_2d))
    if (
        config.reprojected
        and phi_name == KEYPOINTS
        and series.budget == config.budgets[0]
        and not series.noise
        and not other
    ):
        found.append(("reprojected", (0.0,)))
    return found


def _name(config: StudyConfig, budget: Budget, labelled: int | None, noise: float, labels: str | None) -> str:
    made = f"{config.name}/{budget}{_size(config, labelled)}" + (f"/noise-{noise:g}" if noise else "")
    return made + (f"/labels-{labels[: _digits(config.labels)]}" if labels else "")


def _digits(versions: Sequence[str]) -> int:
    """Of a version's name that tell it from the others: labels without a recipe are named by whatever their key is."""
    return next(n for n in count(_LEAST_DIGITS) if len({one[:n] for one in versions}) == len(versions))


def _size(config: StudyConfig, labelled: int | None) -> str:
    if config.labelled == (None,):
        return ""
    return f"/labelled-{'all' if labelled is None else labelled}"
