"""From a configuration to a list of films to make, each of which stands alone."""

import hashlib
import json
from dataclasses import asdict, dataclass

from openworld.camera import CameraStyle
from openworld.motion import Family
from openworld.seeds import generator
from openworld.worlds import Kind, SplitConfig, WorldConfig

WORLD_VERSION = 2
"""Raise it when the same plan would give other pixels or other truth, so that films on disk are made again."""


@dataclass(frozen=True)
class FilmPlan:
    """All that a film depends on."""

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

    @property
    def digest(self) -> str:
        """Of everything above and of the code's version: two films with the same digest are the same film."""
        text = json.dumps([WORLD_VERSION, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def plan_films(config: WorldConfig) -> list[FilmPlan]:
    """Every film of the world. Adding films to a split leaves the earlier ones as they are."""
    return [_plan(config, split, index) for split in config.splits for index in range(split.films)]


def _plan(config: WorldConfig, split: SplitConfig, index: int) -> FilmPlan:
    rng = generator(config.seed, "plan", split.name, index)
    kind = _kind(split, index)
    narrow = split.family == "narrow" or rng.random() < split.narrow_share
    frames = tuple(round(rng.uniform(*split.seconds) * config.fps) for _ in range(2 if kind == "cut" else 1))
    return FilmPlan(
        film_id=f"{split.name}_{index:04d}", split=split.name, index=index, kind=kind,
        family="narrow" if narrow else "broad", camera=split.camera, frames=frames, seed=config.seed,
        width=config.width, height=config.height, fps=config.fps, samples=config.samples, crf=config.crf,
    )  # fmt: skip


def _kind(split: SplitConfig, index: int) -> Kind:
    """Special films come first in a split: a small split has them, and a larger one keeps them."""
    counts: tuple[tuple[Kind, int], ...] = (("crossing", split.crossing), ("cut", split.cut), ("empty", split.empty))
    for kind, count in counts:
        if index < count:
            return kind
        index -= count
    return "one"
