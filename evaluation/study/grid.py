"""The grid of a data-scale study: which cells there are, and what makes each one different.

A cell is no training: flows/study/run.py turns it into one. Scores carry the name of the cell's `series`, so that
budgets, labelled sets, levels of noise and label versions become curves of their own and are never averaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    spread: float = 1.0
    """How many times as many videos the same hours come from."""


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
    spread: float = 1.0


def all_series(config: StudyConfig) -> list[Series]:
    """The main series, its other budgets, then other labelled sets, noise, spread and labels under the first budget."""
    first, size = config.budgets[0], config.labelled[0]
    version = config.labels[0] if config.labels else None
    beside = config.side_phi or config.phi
    main = Series("", first, size, 0.0, False, beside, version)
    asked = [replace(main, budget=budget, phi=config.phi) for budget in config.budgets]
    asked += [replace(main, labelled=other) for other in config.labelled[1:]]
    asked += [replace(main, noise=level) for level in config.noise[1:]]
    asked += [replace(main, spread=spread) for spread in config.spread[1:]]
    asked += [replace(main, labels=other) for other in config.labels[1:]]
    return [replace(one, name=_name(config, one), main=place == 0) for place, one in enumerate(asked)]


def label_series(config: StudyConfig) -> dict[str, str]:
    """Label version by name of the series that differ in nothing else, the main one first; empty with one version."""
    if len(config.labels) < 2:
        return {}
    first, size = config.budgets[0], config.labelled[0]
    return {
        one.name: one.labels
        for one in all_series(config)
        if one.labels and (one.budget, one.labelled, one.noise, one.spread) == (first, size, 0.0, 1.0)
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
                            series=series.name, variant=variant, share=share, seed=seed, phi_name=phi_name,
                            step_share=steps, labelled=series.labelled, noise=series.noise, labels=series.labels,
                            spread=series.spread,
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
    aside = series.labelled != config.labelled[0] or series.noise > 0 or series.spread != 1 or other
    shares = (config.side_shares or config.shares) if aside else config.shares
    variants = [("semi", tuple(share for share in shares if share * series.spread <= 1 + 1e-9))]
    if series.spread != 1:
        return variants
    if not aside or not config.side_shares:
        variants.append(("ceiling", config.ceilings))
    if series.main:
        variants.append(("perfect_2d", config.perfect_2d))
    if (
        config.reprojected
        and phi_name == KEYPOINTS
        and series.budget == config.budgets[0]
        and not series.noise
        and not other
    ):
        variants.append(("reprojected", (0.0,)))
    return variants


def _name(config: StudyConfig, series: Series) -> str:
    made = f"{config.name}/{series.budget}{_size(config, series.labelled)}"
    made += f"/noise-{series.noise:g}" if series.noise else ""
    made += f"/spread-{series.spread:g}" if series.spread != 1 else ""
    return made + (f"/labels-{series.labels[: _digits(config.labels)]}" if series.labels else "")


def _digits(versions: Sequence[str]) -> int:
    """Of a version's name that tell it from the others: labels without a recipe are named by whatever their key is."""
    return next(n for n in count(_LEAST_DIGITS) if len({one[:n] for one in versions}) == len(versions))


def _size(config: StudyConfig, labelled: int | None) -> str:
    if config.labelled == (None,):
        return ""
    return f"/labelled-{'all' if labelled is None else labelled}"
