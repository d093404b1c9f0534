"""The grid of a data-scale study as a value: which cells there are, and what makes each one different.

    # STUDY.yaml, `hmmr study run STUDY.yaml`; every key may be left out
    name: my-study
    shares: [0, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1]     # of the frozen snapshot's hours, nested by source
    seeds: [0, 1, 2]                                       # of both subset and training
    budgets: [steps, epochs]
    phi: [blazepose_penultimate, keypoints]
    train: {preset: tiny, steps: 1000, model.blocks: 2}    # changes to the training preset, by dotted name

A cell is no training: flows/study_run.py turns it into one. Scores carry the name of the cell's `series`, so that
budgets, labelled sets and labellers become curves of their own and are never averaged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Budget = Literal["steps", "epochs"]
Change = str | int | float | bool | None

LEAST_SHARES = 6
"""Zero and at least five more sizes, or no law can be told (issue 7)."""


class StudyConfigError(ValueError):
    """A study that cannot be run; the message names the key."""


@dataclass(frozen=True)
class StudyConfig:
    """One study. The defaults are those of the preset `open-world`."""

    name: str = "open-world"
    shares: tuple[float, ...] = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
    """Of the snapshot's hours; a smaller part lies inside a larger one of the same seed."""
    seeds: tuple[int, ...] = (0, 1, 2)
    budgets: tuple[Budget, ...] = ("steps", "epochs")
    """Equal optimiser steps, and equal epochs: more data under equal epochs is also more training."""
    phi: tuple[str, ...] = ("blazepose_penultimate",)
    ceilings: tuple[float, ...] = (1.0,)
    """Shares at which the same films are trained on with their true 3D."""
    perfect_2d: tuple[float, ...] = ()
    """Shares at which the films' true 2D replaces the detected; needs a lake of the same films by backend truth."""
    step_shares_without_film: tuple[float, ...] = (0.3, 1.0)
    """Steps that the model without film may choose from on dev: at equal steps it overfits (scaling_pilot.md 6)."""
    train: tuple[tuple[str, Change], ...] = (("preset", "open"),)
    """The training preset, and changes to it by dotted name, sorted."""

    def __post_init__(self) -> None:
        """Refuse a grid that could not answer the question."""
        if not self.shares or sorted(set(self.shares)) != list(self.shares) or not 0 <= self.shares[0] <= 1:
            raise StudyConfigError(f"study {self.name}: shares must ascend from 0 to 1, got {list(self.shares)}")
        if self.shares[-1] > 1 or not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise StudyConfigError(f"study {self.name}: shares end at 1 at most, seeds are one or more different ones")
        unknown = set(self.budgets) - set(get_args(Budget))
        if unknown or not self.budgets:
            raise StudyConfigError(f"study {self.name}: budgets are steps and epochs, got {list(self.budgets)}")

    @property
    def weak_spots(self) -> list[str]:
        """What this grid will not be able to say, in words."""
        found = []
        if len(self.shares) < LEAST_SHARES:
            found.append(f"{len(self.shares)} sizes: no law can be identified with fewer than {LEAST_SHARES}")
        if len(self.seeds) < 3:
            found.append(f"{len(self.seeds)} seeds: no honest interval with fewer than 3")
        if self.shares[0] != 0:
            found.append("no size without film: the share of the gap closed is not defined")
        return found


@dataclass(frozen=True)
class GridCell:
    """One training of the grid. `step_share` scales the preset's number of steps."""

    series: str
    """Name under which it is scored: the study, its budget, and whatever else is not a column of `scores`."""
    variant: str
    share: float
    seed: int
    phi_name: str
    step_share: float = 1.0


def cells(config: StudyConfig, labelled_hours: float, pool_hours: float) -> Iterator[GridCell]:
    """Every cell, each of a series once. Hours of labelled film and of the snapshot set the steps of equal epochs."""
    for budget in config.budgets:
        series = series_name(config, budget)
        for phi_name in config.phi:
            for seed in config.seeds:
                for variant, shares in _variants(config):
                    for share in shares:
                        steps = 1.0 if budget == "steps" else epoch_share(share, labelled_hours, pool_hours)
                        yield GridCell(series, variant, share, seed, phi_name, steps)


def candidates(config: StudyConfig) -> Iterator[GridCell]:
    """Models without film with several numbers of steps, to be chosen from on dev."""
    if 0.0 not in config.shares:
        return
    for phi_name in config.phi:
        for step_share in config.step_shares_without_film:
            for seed in config.seeds:
                yield GridCell(f"{config.name}/candidates", "candidate", 0.0, seed, phi_name, step_share)


def series_name(config: StudyConfig, budget: Budget) -> str:
    """Name of one curve's study in the lake."""
    return f"{config.name}/{budget}"


def epoch_share(share: float, labelled_hours: float, pool_hours: float) -> float:
    """Steps relative to the whole pool's, so that every hour is seen as often at every size."""
    return (labelled_hours + share * pool_hours) / (labelled_hours + pool_hours)


def read_study(path: Path) -> StudyConfig:
    """A study from YAML; StudyConfigError names the file and the key that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyConfigError(f"{path}: {error}") from error
    if not isinstance(content, Mapping):
        raise StudyConfigError(f"{path}: wanted keys such as shares and seeds, got {type(content).__name__}")
    try:
        return study_from(content)
    except StudyConfigError as error:
        raise StudyConfigError(f"{path}: {error}") from error


def study_from(content: Mapping[str, Any]) -> StudyConfig:
    """A study from plain values, as YAML and the dashboard's links give them."""
    known = {field.name for field in fields(StudyConfig)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise StudyConfigError(f"no key {', '.join(map(str, unknown))}; there are {', '.join(sorted(known))}")
    made = {key: _value(key, value) for key, value in content.items()}
    return StudyConfig(**made)


def _variants(config: StudyConfig) -> Sequence[tuple[str, tuple[float, ...]]]:
    return (("semi", config.shares), ("ceiling", config.ceilings), ("perfect_2d", config.perfect_2d))


def _value(key: str, value: Any) -> Any:
    if key == "name":
        return str(value)
    if key == "train":
        if not isinstance(value, Mapping):
            raise StudyConfigError("train: wanted changes by name, such as {preset: tiny, steps: 1000}")
        return tuple(sorted((str(name), change) for name, change in value.items()))
    if not isinstance(value, list):
        raise StudyConfigError(f"{key}: wanted a list, got {value!r}")
    kind = {"seeds": int, "phi": str, "budgets": str}.get(key, float)
    try:
        return tuple(kind(item) for item in value)
    except (TypeError, ValueError):
        raise StudyConfigError(f"{key}: cannot be read as {kind.__name__}: {value!r}") from None
