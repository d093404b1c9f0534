"""The configuration of a world: how many films of each kind, in which splits. The defaults are the ones that ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openworld.motion.performance import Family
from openworld.scene.camera import CameraStyle

Kind = Literal[
    "one", "crossing", "cut", "empty", "four", "hidden", "away",
    "handheld", "closeup", "face", "poster", "screen", "furniture", "group", "late", "blur", "letterbox", "dark", "uhd",
]  # fmt: skip
"""What a film shows. First line: one person; two who cross and hide each other; two shots with different people;
nobody; four who cross; somebody who walks behind a pillar; somebody who leaves the frame and comes back.

Second line, what real video has: a camera in a walking hand; an upper body; a face alone; a poster with a person on
it; a screen with a person on it; furniture that hides legs; two groups that merge; somebody who enters late while
another leaves; motion blur; black bars; low light; 4K."""

CONDITIONS: tuple[Kind, ...] = (
    "handheld", "closeup", "face", "poster", "screen", "furniture", "group", "late", "blur", "letterbox", "dark", "uhd",
)  # fmt: skip
"""The second line of `Kind`."""
UHD_SIZE = (3840, 2160)
"""Width and height of films of kind "uhd", whatever the world's other films have."""


@dataclass(frozen=True)
class SplitConfig:
    """One split. Films of every kind are counted, not drawn, so that a small split has them too."""

    name: str
    films: int
    family: Family = "broad"
    camera: CameraStyle = "wild"
    narrow_share: float = 0.0
    """Share of films whose motion is narrow although the family is broad."""
    crossing: int = 0
    cut: int = 0
    empty: int = 0
    four: int = 0
    hidden: int = 0
    away: int = 0
    conditions: tuple[tuple[Kind, int], ...] = ()
    """How many films of each further kind; they follow the others that are counted."""
    seconds: tuple[float, float] = (1.6, 2.4)
    """Shortest and longest shot."""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"split name {self.name!r}: letters, digits and _ only, it becomes a folder")
        if sum(count for _, count in self.special) > self.films:
            raise ValueError(f"split {self.name}: more special films than the {self.films} films in all")

    @property
    def special(self) -> tuple[tuple[Kind, int], ...]:
        """How many films of each kind there are besides those of one person."""
        return (
            ("crossing", self.crossing), ("cut", self.cut), ("empty", self.empty), ("four", self.four),
            ("hidden", self.hidden), ("away", self.away), *self.conditions,
        )  # fmt: skip


@dataclass(frozen=True)
class MocapConfig:
    """Films of recorded motion: real mocap, synthetic pixels. Never for training (docs/design.md)."""

    motions: tuple[str, ...] = ()
    """Motion files; each is cut into pieces, each piece is filmed from several cameras."""
    views: int = 2
    seconds: tuple[float, float] = (0.8, 4.0)
    """Shortest piece worth a film, a training window of 20 frames; longest piece."""
    split: str = "mocap"


@dataclass(frozen=True)
class WorldConfig:
    """A whole open world."""

    splits: tuple[SplitConfig, ...] = ()
    mocap: MocapConfig = MocapConfig()
    seed: int = 0
    width: int = 320
    height: int = 240
    fps: int = 25
    samples: int = 2
    """Samples a side of each pixel."""
    crf: int = 18
    """x264's quality; 18 is taken for visually lossless (its own documentation)."""
    processes: int | None = None
    """None: one a core. Changes speed, never content."""

    def __post_init__(self) -> None:
        names = [split.name for split in self.splits]
        if len(set(names)) < len(names):
            raise ValueError(f"split names must differ: {names}")
        if self.width % 2 or self.height % 2:
            raise ValueError(f"{self.width}x{self.height}: H.264 in 4:2:0 needs even sizes")


def quickstart_world(seed: int = 0) -> WorldConfig:
    """About 3,600 frames: few narrow labelled films, broader unlabelled ones (docs/scaling_pilot.md section 4)."""
    return WorldConfig(
        splits=(
            SplitConfig("labelled", 12, family="narrow", camera="lab"),
            SplitConfig("unlabelled", 36, crossing=2, cut=2, empty=1),
            SplitConfig("dev", 8, narrow_share=0.25),
            SplitConfig("test", 14, narrow_share=0.25, crossing=1, cut=1),
        ),
        seed=seed,
    )


def tracking_world(films: int = 5, seed: int = 0) -> WorldConfig:
    """People who cross, hide, leave and come back, `films` of each kind, 4 s each: for scoring shots and tracks."""
    split = SplitConfig("tracking", 6 * films, crossing=films, cut=films, empty=films, four=films, hidden=films,
                        away=films, seconds=(4.0, 4.0))  # fmt: skip
    return WorldConfig(splits=(split,), seed=seed)


def labels_world(films: int = 8, seed: int = 0, seconds: float = 3.2) -> WorldConfig:
    """For scoring labels: `films` of each kind of `tracking_world`, half as many without anybody, three times as many
    of one person; `seconds` a shot. Their split's name is their own, so none of them is a film of another world."""
    split = SplitConfig("labels", 8 * films + films // 2, narrow_share=0.25, crossing=films, cut=films,
                        empty=films // 2, four=films, hidden=films, away=films, seconds=(seconds, seconds))  # fmt: skip
    return WorldConfig(splits=(split,), seed=seed)


def conditions_world(films: int = 4, seed: int = 0, seconds: float = 3.2) -> WorldConfig:
    """What real video has and the other worlds lack: `films` of each kind of `CONDITIONS`, a quarter as many of 4K.

    Films of "poster" and "screen" alternate between a real person before the picture and the picture alone.
    """
    counts = tuple((kind, max(films // 4, 1) if kind == "uhd" else films) for kind in CONDITIONS)
    split = SplitConfig("conditions", sum(count for _, count in counts), narrow_share=0.5, conditions=counts,
                        seconds=(seconds, seconds))  # fmt: skip
    return WorldConfig(splits=(split,), seed=seed)


def mocap_world(motions: Sequence[Path], seed: int = 0) -> WorldConfig:
    """A film of every piece of every take from two wild cameras."""
    return WorldConfig(mocap=MocapConfig(tuple(str(path) for path in motions)), seed=seed)


def study_world(
    labelled: int = 80, unlabelled: int = 640, dev: int = 60, test: int = 100, seed: int = 0
) -> WorldConfig:  # fmt: skip
    """The study's films, about 32 minutes: many short ones, because new people and motions teach more than long takes.

    The study labels 20 of the 80 labelled films, so that the unlabelled ones are 32 times as many; its second axis
    labels fewer or all.
    """
    seconds = (1.8, 2.6)
    return WorldConfig(
        splits=(
            SplitConfig("labelled", labelled, family="narrow", camera="lab", seconds=seconds),
            SplitConfig("unlabelled", unlabelled, crossing=unlabelled // 40, cut=unlabelled // 40,
                        empty=unlabelled // 80, seconds=seconds),
            SplitConfig("dev", dev, narrow_share=0.25, seconds=seconds),
            SplitConfig("test", test, narrow_share=0.25, crossing=test // 20, cut=test // 20, seconds=seconds),
        ),
        seed=seed,
    )  # fmt: skip
