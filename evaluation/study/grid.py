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
"""The least number of characters of a label version that a series' name shows."""


@dataclass(frozen=True)
class Series:
    """One curve (of each φ): all of its cells share these."""

    name: str
    """The name under which its cells are scored."""
    budget: Budget
    labelled: int | None
    """Labelled sources; None: all."""
    noise: float
    """Sigmas added to the pseudo-labels' 2D."""
    main: bool
    """Whether it is the study's main series; each other series changes one thing of it."""
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
    series = [replace(main, budget=budget, phi=config.phi) for budget in config.budgets]
    series += [replace(main, labelled=other) for other in config.labelled[1:]]
    series += [replace(main, noise=level) for level in config.noise[1:]]
    series += [replace(main, spread=spread) for spread in config.spread[1:]]
    series += [replace(main, labels=other) for other in config.labels[1:]]
    return [replace(item, name=_name(config, item), main=place == 0) for place, item in enumerate(series)]


def label_series(config: StudyConfig) -> dict[str, str]:
    """Label versions by series name, for the series that differ in labels alone, the main one first.

    Empty where the study names fewer than two versions.
    """
    if len(config.labels) < 2:
        return {}
    first, size = config.budgets[0], config.labelled[0]
    return {
        series.name: series.labels
        for series in all_series(config)
        if series.labels and (series.budget, series.labelled, series.noise, series.spread) == (first, size, 0.0, 1.0)
    }


def cells(config: StudyConfig, labelled_hours: float, pool_hours: float) -> Iterator[GridCell]:
    """Every cell of every series.

    The hours of all labelled film and of the snapshot give the number of steps under the budget of equal epochs.
    """
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
    """Cells without film at several numbers of steps, of which dev chooses the best."""
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
    name = f"{config.name}/{series.budget}{_size(config, series.labelled)}"
    name += f"/noise-{series.noise:g}" if series.noise else ""
    name += f"/spread-{series.spread:g}" if series.spread != 1 else ""
    return name + (f"/labels-{series.labels[: _digits(config.labels)]}" if series.labels else "")


def _digits(versions: Sequence[str]) -> int:
    """The number of leading characters that tell all versions apart, at least _LEAST_DIGITS.

    Labels without a recipe are named by their key, which may begin like another one.
    """
    return next(n for n in count(_LEAST_DIGITS) if len({version[:n] for version in versions}) == len(versions))


def _size(config: StudyConfig, labelled: int | None) -> str:
    if config.labelled == (None,):
        return ""
    return f"/labelled-{'all' if labelled is None else labelled}"
