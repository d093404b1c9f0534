"""Turns the configuration of a world into a list of plans, one a film; a film follows from its plan alone."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from openworld.motion.performance import Family
from openworld.motion.recorded import windows
from openworld.scene.camera import CameraStyle
from openworld.seeds import generator
from openworld.worlds import UHD_SIZE, Kind, SplitConfig, WorldConfig
from storage.atomic import file_sha256
from storage.labels.key import identity

WORLD_VERSION = 2
"""Raise it when the same plan would give other pixels or other truth, so that films on disk are made again."""


@dataclass(frozen=True)
class FilmPlan:
    """Everything that a film depends on."""

    film_id: str
    split: str
    index: int
    kind: Kind
    family: Family
    camera: CameraStyle
    frames: tuple[int, ...]
    """Length of each shot."""
    seed: int
    width: int
    height: int
    fps: int
    samples: int
    crf: int
    take: "Take | None" = None
    """None for procedural motion."""

    @property
    def digest(self) -> str:
        """Of everything above and of the code's version: two films with the same digest are the same film."""
        facts = identity(self)
        if self.take is not None:
            del facts["take"]["path"]  # the content's hash says it, wherever the file lies
        text = json.dumps([WORLD_VERSION, facts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Take:
    """A piece of a motion file."""

    path: str
    sha256: str
    first: int
    """Frame, at the film's rate, that the piece starts with."""


def plan_films(config: WorldConfig) -> list[FilmPlan]:
    """Every film of the world. Adding films to a split leaves the earlier ones as they are."""
    procedural = [_plan(config, split, index) for split in config.splits for index in range(split.films)]
    return procedural + [plan for path in config.mocap.motions for plan in _recorded_plans(config, Path(path))]


def _recorded_plans(config: WorldConfig, path: Path) -> list[FilmPlan]:
    """Every piece of a take from so many cameras; the films' names follow from the take's."""
    mocap = config.mocap
    frames = (round(mocap.seconds[0] * config.fps), round(mocap.seconds[1] * config.fps))
    name = re.sub(r"\W+", "_", path.stem)
    sha256 = file_sha256(path)
    return [
        FilmPlan(
            film_id=f"{mocap.split}_{name}_{piece:03d}_{view}", split=mocap.split, index=view, kind="one",
            family="broad", camera="wild", frames=(length,), seed=config.seed, width=config.width,
            height=config.height, fps=config.fps, samples=config.samples, crf=config.crf,
            take=Take(str(path), sha256, first),
        )
        for piece, (first, length) in enumerate(windows(path, config.fps, frames))
        for view in range(mocap.views)
    ]  # fmt: skip


def _plan(config: WorldConfig, split: SplitConfig, index: int) -> FilmPlan:
    rng = generator(config.seed, "plan", split.name, index)
    kind = _kind(split, index)
    narrow = split.family == "narrow" or rng.random() < split.narrow_share
    frames = tuple(round(rng.uniform(*split.seconds) * config.fps) for _ in range(2 if kind == "cut" else 1))
    width, height = UHD_SIZE if kind == "uhd" else (config.width, config.height)
    samples = 1 if kind == "uhd" else config.samples
    return FilmPlan(
        film_id=f"{split.name}_{index:04d}", split=split.name, index=index, kind=kind,
        family="narrow" if narrow else split.family, camera=split.camera, frames=frames, seed=config.seed,
        width=width, height=height, fps=config.fps, samples=samples, crf=config.crf,
    )  # fmt: skip


def _kind(split: SplitConfig, index: int) -> Kind:
    """Special films come first in a split: a small split has them, and a larger one keeps them."""
    for kind, count in split.special:
        if index < count:
            return kind
        index -= count
    return "one"
