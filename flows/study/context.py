"""What a study's cells share, and what makes one of them different."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow.compute as pc

from evaluation.protocols.registry import OPEN_V1
from hmmr_model.config_json import to_json
from hmmr_model.configs import TrainConfig
from storage.lake import Lake
from storage.tables import ZERO_SHOT


@dataclass(frozen=True)
class HeldOut:
    """A test set: a lake whose labels3d name the split, and the protocol that it is scored by."""

    dataset: str
    lake: Path
    splits: tuple[str, ...]
    protocol: str = OPEN_V1.id

    def has(self, phi_name: str) -> bool:
        """Whether its tracklets were harvested with this φ (or all of them, where several are named with a plus)."""
        return set(phi_name.split("+")) <= phis_of(self.lake)


@dataclass(frozen=True)
class StudyContext:
    """What the cells of one study share: the lake with its frozen snapshot, the labelled set, the test sets."""

    study: str
    lake: Path
    """The pool, and where the rows go."""
    snapshot: str
    labelled: Path
    held_out: tuple[HeldOut, ...]
    out: Path
    command: str
    """What to type to get the study again."""
    perfect: tuple[Path, str] | None = None
    """Lake of the pool's films by their true 2D, and its snapshot; None: true 2D is read from the pool's labels3d."""

    @property
    def dev(self) -> HeldOut:
        """The set on which choices are made: the first with a split dev."""
        return next(one for one in self.held_out if "dev" in one.splits)


@dataclass(frozen=True)
class Cell:
    """One point of a study. `share` is of the snapshot's hours, nested by source.

    Variants: `semi` adds pseudo-labels, `ceiling` the same films with their true 3D, `perfect_2d` the same tracklets
    with their true 2D, `reprojected` the labelled 3D seen by random cameras instead of film, `single_frame` has no
    temporal encoder; `candidate` is a `semi` that is only held against others on dev.
    """

    variant: str
    share: float
    seed: int
    train: TrainConfig
    labelled_ids: tuple[str, ...] | None = None
    """Tracklets of the labelled lake that may be used; None: all."""
    noise: float = 0.0
    """Sigmas of 2D noise added to the pseudo-labels."""
    labels: str | None = None
    """Label version of the pool; None: whichever the snapshot holds."""

    def run_id(self, context: StudyContext) -> str:
        """Stable id of everything that makes the cell's numbers, but for the code's commit, which the row names."""
        # These are `semi` cells that are scored for another purpose: the same training is not run again.
        variant = "semi" if self.variant in ("candidate", "no_film_best_step") else self.variant
        snapshot = context.perfect[1] if context.perfect and variant == "perfect_2d" else context.snapshot
        told = [snapshot, variant, repr(self.share), str(self.seed), to_json(self.train)]
        if self.labelled_ids is not None:
            told.append("labelled " + " ".join(sorted(self.labelled_ids)))
        if self.noise and self.share and variant == "semi":
            told.append(f"noise {self.noise!r}")
        if self.labels and self.share and not (context.perfect and variant == "perfect_2d"):
            told.append(f"labels {self.labels}")
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


@cache
def phis_of(lake: Path) -> set[str]:
    """Features that a lake has, the 2D network's own 3D among them."""
    features = Lake(lake).read("features", ["phi_name"])
    found = set(features.column("phi_name").unique().to_pylist())
    said = Lake(lake).read("features", ["tracklet_id"], pc.field("zero_shot_3d").is_valid())
    return found | ({ZERO_SHOT} if said.num_rows else set())
