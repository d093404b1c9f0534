"""The films that labels are measured on, and the labels of any of them under any settings, judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from evaluation.label_quality.matching import JudgedFilm, judge
from evaluation.label_quality.people import Labelled
from flows.label_quality.derived import make_cut_off, make_frozen, make_panned, make_still
from flows.label_quality.films import KnownFilm, by_kind, make_known_films
from flows.label_quality.filter_presets import EVERYTHING
from flows.label_quality.labels import LabelShelf
from flows.label_quality.refilter import Changes
from harvest.backends.protocol import PoseBackend
from harvest.config import HarvestConfig, LabelConfig
from harvest.registry import make_backend
from openworld.worlds import conditions_world, labels_world


@dataclass(frozen=True)
class MeasureConfig:
    """What is measured. The defaults are those of docs/results/labels.md."""

    films: int = 8
    """Of each kind (openworld/worlds.py labels_world): 68 films in all, and 20 made from them."""
    seed: int = 0
    seconds: float = 3.2
    """Length of a shot."""
    label: LabelConfig = field(default_factory=LabelConfig)
    backend: str = "embedded"
    real: Path | None = None
    """Folder with pose_squats and the pose2sim clips; None: real video is left out."""
    before: Path | None = None
    """A checkout of this repository whose labels get columns of their own (before.py); None: none."""


class Told(Protocol):
    """Told (what, videos done, videos in all)."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """After each video."""


class Bench:
    """Everything below `out`: films, networks' answers, labels. What is there already is not made again."""

    def __init__(self, config: MeasureConfig, out: Path, told: Told) -> None:
        self.config, self.out, self.told = config, out, told
        world = labels_world(config.films, config.seed, config.seconds)
        self.films = make_known_films(world, out / "films", lambda done, total: told("films made", done, total))
        alone = [film for film in self.films if film.kind == "one person"]
        self.cut_off = make_cut_off(alone[: config.films], out / "derived")
        self.frozen = make_frozen(alone[: max(1, config.films // 2)], out / "derived")
        self.still = make_still(alone[: max(1, config.films // 2)], out / "derived")
        self.panned = make_panned(alone[: max(1, config.films // 2)], out / "derived")
        self.alone, self.changes = alone, Changes()
        backend = make_backend(HarvestConfig(label=config.label, backend=config.backend))
        self.weights, self.shelf = backend.weights, self.shelf_of(backend)

    def some_films(self) -> list[KnownFilm]:
        """`world_films`, and all that were made from others."""
        return [*self.world_films(), *self.cut_off, *self.frozen, *self.still, *self.panned]

    def world_films(self) -> list[KnownFilm]:
        """Half of the special films of each kind, and as many of one person."""
        return [film for films in by_kind(self.films).values() for film in films[: max(1, self.config.films // 2)]]

    @cached_property
    def conditions(self) -> list[KnownFilm]:
        """Half as many films of each kind of `conditions_world`, made when they are first asked for."""
        world = conditions_world(max(1, self.config.films // 2), self.config.seed, self.config.seconds)
        return make_known_films(
            world, self.out / "conditions", lambda done, total: self.told("films of conditions", done, total)
        )

    @property
    def all_films(self) -> list[KnownFilm]:
        """The open world's and those made from them."""
        return [*self.films, *self.cut_off, *self.frozen, *self.still, *self.panned]

    def shelf_of(self, backend: PoseBackend) -> LabelShelf:
        """Labels by another backend, kept in the same place."""
        return LabelShelf(self.out, backend)

    def unfiltered(self) -> LabelConfig:
        """The configured settings without any filter."""
        return replace(self.config.label, preset=EVERYTHING)

    def labels(self, what: str, films: Sequence[KnownFilm], config: LabelConfig, shelf: LabelShelf | None = None
               ) -> list[Labelled]:  # fmt: skip
        """Labels of the films; `what` is told while they are made."""
        found = []
        for n, film in enumerate(films):
            found.append((shelf or self.shelf).labels(film.path, config))
            self.told(what, n + 1, len(films))
        return found

    def judged(
        self, what: str, films: Sequence[KnownFilm], shelf: LabelShelf | None = None, **changes: Any
    ) -> list[JudgedFilm]:
        """Labels against truth. `changes`: fields of the label settings that are otherwise than configured."""
        labels = self.labels(what, films, replace(self.config.label, **changes), shelf)
        return [judge(film.truth, labelled) for film, labelled in zip(films, labels, strict=True)]
