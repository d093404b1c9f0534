"""What the quickstart makes, trains and compares."""

from dataclasses import dataclass
from pathlib import Path

STUDY = "quickstart"


@dataclass(frozen=True)
class QuickstartConfig:
    """Sizes that two cores finish in five minutes; every one of them ran."""

    out: Path = Path("out/quickstart")
    shares: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Of the harvested hours, nested."""
    seeds: tuple[int, ...] = (0, 1)
    steps: int = 400
    """Fewer than the preset's: all the cells within three minutes. More steps gain a few mm more (docs/LOG.md)."""
    step_shares_without_films: tuple[float, ...] = (0.4, 1.0)
    """Numbers of steps that the model without films may choose from on dev, as shares of the preset's."""
    workers: int = 2
    """Processes side by side, each of one thread."""

    @property
    def films(self) -> Path:
        """The films, a folder a split."""
        return self.out / "films"

    @property
    def lake(self) -> Path:
        """What was harvested by URL, and the rows of runs and scores."""
        return self.out / "lake"

    @property
    def labelled(self) -> Path:
        """The labelled films as a lake with 3D labels."""
        return self.out / "labelled"

    @property
    def held_out(self) -> Path:
        """Dev and test films as a lake with 3D labels."""
        return self.out / "held_out"

    @property
    def prior_poses(self) -> Path:
        """Unpaired poses for the pose prior: other people's motion, of no film."""
        return self.out / "prior_poses.npz"
