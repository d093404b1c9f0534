"""A data-scale study as a value, and its YAML.

# STUDY.yaml, `hmmr study run STUDY.yaml`; every key may be left out
name: my-study
shares: [0, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1]     # of the frozen snapshot's hours, nested by source
seeds: [0, 1, 2]                                       # of subsets and training
budgets: [steps, epochs]
phi: [blazepose_penultimate, keypoints]
labelled: [20, 5, all]                                 # labelled sources; the first is the main series
noise: [0, 1, 3]                                       # sigmas of 2D noise added to the pseudo-labels
spread: [1, 4]                                         # the same hours from so many times as many videos
side_shares: [0, 0.25, 1]                              # hours of the series that these three add
side_phi: [keypoints]                                  # and their features
labels: ["0a1b2c3d", "4e5f6a7b"]                       # label versions of the pool (`hmmr lake labels`), or [all]
train: {preset: tiny, steps: 1000, model.blocks: 2}    # changes to the training preset, by dotted name
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, Literal, get_args

import yaml

Budget = Literal["steps", "epochs"]
Change = str | int | float | bool | None

LEAST_SHARES = 6
"""Zero and at least five more sizes, or no law can be told."""


class StudyConfigError(ValueError):
    """A study that cannot be run; the message names the key."""


@dataclass(frozen=True)
class StudyConfig:
    """One study. The defaults are those of the preset `open-world`."""

    name: str = "open-world"
    shares: tuple[float, ...] = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
    """Shares of the snapshot's hours. A smaller part lies inside a larger one of the same seed."""
    seeds: tuple[int, ...] = (0, 1, 2)
    budgets: tuple[Budget, ...] = ("steps", "epochs")
    """Equal optimiser steps, and equal epochs: more data under equal epochs is also more training."""
    phi: tuple[str, ...] = ("blazepose_penultimate",)
    labelled: tuple[int | None, ...] = (None,)
    """Sizes of the labelled set in sources, nested, drawn anew for each seed; None is all of it. The first is the
    main series', the others are series of their own under the first budget."""
    noise: tuple[float, ...] = (0.0,)
    """2D noise added to the pseudo-labels, in sigmas of the fitted noise model; each but 0 is a series of its own."""
    spread: tuple[float, ...] = (1.0,)
    """Diversity at equal hours: how many times as many videos the hours come from, each cut to a stretch of so much
    less of its length. Each but 1 is a series, at those shares that the pool has videos for."""
    labels: tuple[str, ...] = ()
    """Label versions of the pool by digest, or `all`: the first is the main series', each other one a series on the
    same videos. Empty: of each video its newest labels."""
    side_shares: tuple[float, ...] = ()
    """Shares of those series, which then have no ceiling of their own; empty: all shares, and ceilings."""
    side_phi: tuple[str, ...] = ()
    """φ of those series; empty: all of `phi`."""
    ceilings: tuple[float, ...] = (1.0,)
    """Shares at which the same films are trained on with their true 3D."""
    perfect_2d: tuple[float, ...] = ()
    """Shares at which the films' true 2D replaces the detected, in the main series."""
    reprojected: bool = True
    """Whether labelled 3D seen by random cameras is a row, where φ is the keypoints (flows/study/changed_labels.py)."""
    step_shares_without_film: tuple[float, ...] = (0.3, 1.0)
    """Shares of the steps that the model without film may choose from on dev: at equal steps it overfits
    (docs/scaling_pilot.md 6)."""
    train: tuple[tuple[str, Change], ...] = (("preset", "open"),)
    """The training preset, and changes to it by dotted name, sorted."""

    def __post_init__(self) -> None:
        """Refuse a grid that could not answer the question."""
        _check_name(self.name)
        if not self.shares or not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise StudyConfigError(f"study {self.name}: there must be shares, and one or more different seeds")
        if min(self.seeds) < 0 or max(self.seeds) > 2**31 - 1:
            raise StudyConfigError(f"study {self.name}: seeds are 0 to 2147483647, got {list(self.seeds)}")
        for key in ("shares", "side_shares", "ceilings", "perfect_2d"):
            _check_shares(self.name, key, getattr(self, key))
        unknown = set(self.budgets) - set(get_args(Budget))
        if unknown or not self.budgets or len(set(self.budgets)) != len(self.budgets):
            raise StudyConfigError(f"study {self.name}: budgets are steps and epochs, got {list(self.budgets)}")
        if not self.phi or len(set(self.phi)) != len(self.phi):
            raise StudyConfigError(f"study {self.name}: phi names one or more different features, got {list(self.phi)}")
        if not set(self.side_phi) <= set(self.phi):
            raise StudyConfigError(f"study {self.name}: side_phi must be among phi, got {list(self.side_phi)}")
        self._check_axes()

    def _check_axes(self) -> None:
        sizes, shares = self.labelled, self.step_shares_without_film
        if not sizes or len(set(sizes)) != len(sizes) or any(size is not None and size < 1 for size in sizes):
            raise StudyConfigError(f"study {self.name}: labelled sizes are different numbers from 1, or all")
        if not self.noise or self.noise[0] != 0 or list(self.noise) != sorted(set(self.noise)):
            raise StudyConfigError(f"study {self.name}: noise begins with 0 and ascends, got {list(self.noise)}")
        if not self.spread or self.spread[0] != 1 or list(self.spread) != sorted(set(self.spread)):
            raise StudyConfigError(f"study {self.name}: spread begins with 1 and ascends, got {list(self.spread)}")
        film = [share for share in self.side_shares or self.shares if share > 0]
        for times in self.spread[1:]:
            if not isfinite(times) or not film or min(film) * times > 1:
                raise StudyConfigError(
                    f"study {self.name}: spread {times:g} needs a share with film of up to {1 / times:.3g}: the same "
                    "hours come from so many more videos"
                )
        if len(set(self.labels)) != len(self.labels) or ("all" in self.labels and len(self.labels) > 1):
            raise StudyConfigError(f"study {self.name}: labels are different versions, or all; got {list(self.labels)}")
        if not isfinite(self.noise[-1]):
            raise StudyConfigError(f"study {self.name}: noise must be finite, got {list(self.noise)}")
        if any(not 0 < share <= 10 for share in shares) or len(set(shares)) != len(shares):
            raise StudyConfigError(f"study {self.name}: step_shares_without_film lie above 0 and up to 10")

    @property
    def weak_spots(self) -> list[str]:
        """Sentences on what the results of this grid cannot show."""
        weaknesses = []
        if len(self.shares) < LEAST_SHARES:
            weaknesses.append(f"{len(self.shares)} sizes: no law can be identified with fewer than {LEAST_SHARES}")
        if len(self.seeds) < 3:
            weaknesses.append(f"{len(self.seeds)} seeds: no honest interval with fewer than 3")
        if self.shares[0] != 0:
            weaknesses.append("no size without film: the share of the gap closed is not defined")
        return weaknesses


def read_study(path: Path) -> StudyConfig:
    """A study from YAML; StudyConfigError names the file and the key that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except Exception as error:  # beside its own errors, PyYAML passes on what a number or a date makes Python raise
        raise StudyConfigError(f"{path}: cannot be read as YAML ({error})") from error
    if not isinstance(content, Mapping):
        raise StudyConfigError(f"{path}: wanted keys such as shares and seeds, got {type(content).__name__}")
    try:
        return study_from(content)
    except StudyConfigError as error:
        raise StudyConfigError(f"{path}: {error}") from error


def study_from(content: Mapping[str, Any]) -> StudyConfig:
    """A study from plain values, as YAML gives them."""
    known = {field.name for field in fields(StudyConfig)}
    unknown = sorted(str(key) for key in set(content) - known)
    if unknown:
        raise StudyConfigError(f"no key {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    values = {key: _value(key, value) for key, value in content.items()}
    return StudyConfig(**values)


def _value(key: str, value: Any) -> Any:
    if key == "name":
        if not isinstance(value, str | int | float):
            raise StudyConfigError(f"name: wanted a word, got {shortened(value)}")
        return str(value)
    if key == "reprojected":
        if not isinstance(value, bool):
            raise StudyConfigError(f"reprojected: wanted true or false, got {shortened(value)}")
        return value
    if key == "train":
        if not isinstance(value, Mapping):
            raise StudyConfigError("train: wanted changes by name, such as {preset: tiny, steps: 1000}")
        for name, change in value.items():
            if change is not None and not isinstance(change, str | int | float):
                raise StudyConfigError(f"train.{name}: wanted one value, got {shortened(change)}")
        return tuple(sorted((str(name), change) for name, change in value.items()))
    if not isinstance(value, list):
        raise StudyConfigError(f"{key}: wanted a list, got {shortened(value)}")
    return tuple(_item(key, item) for item in value)


def _item(key: str, item: Any) -> Any:
    if key in ("phi", "side_phi", "budgets", "labels"):
        if not isinstance(item, str):
            quoted = "; put digests in quotes" if key == "labels" else ""
            raise StudyConfigError(f"{key}: wanted names, got {shortened(item)}{quoted}")
        return item
    if key == "labelled" and item == "all":
        return None
    is_integer = key in ("seeds", "labelled")
    kind = int if is_integer else (int, float)
    if isinstance(item, bool) or not isinstance(item, kind):
        raise StudyConfigError(f"{key}: cannot be read as {'int' if is_integer else 'float'}: {shortened(item)}")
    try:
        return item if is_integer else float(item)
    except OverflowError as error:
        raise StudyConfigError(f"{key}: a number too large: {shortened(item)}") from error


def _check_name(name: str) -> None:
    """StudyConfigError unless the name can name a file and has no slash, which separates the names of its series."""
    if not name or len(name) > 80 or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise StudyConfigError(f"name {name[:90]!r}: 1 to 80 letters, digits, - _ and .")


def _check_shares(study: str, key: str, shares: tuple[float, ...]) -> None:
    if list(shares) != sorted(set(shares)) or not all(0 <= share <= 1 for share in shares):
        raise StudyConfigError(f"study {study}: {key} must ascend from 0 and end at 1 at most, got {list(shares)}")
