"""The settings of a harvest, as one frozen tree whose defaults are the ones that ran."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harvest.fetch.download import DownloadConfig
from harvest.fetch.pace import PaceConfig
from harvest.fetch.policy import Policy
from harvest.filters.presets import DEFAULT, Preset
from harvest.smooth import SmoothingConfig
from harvest.tracking.people import PeopleConfig
from harvest.tracking.sides import SidesConfig
from harvest.tracking.track import TrackConfig
from harvest.video.decode import DecodeConfig
from harvest.video.shots import ShotConfig


@dataclass(frozen=True)
class LabelConfig:
    """How a file becomes labels. Everything in here is part of the label_key."""

    decode: DecodeConfig = field(default_factory=DecodeConfig)
    shots: ShotConfig = field(default_factory=ShotConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    sides: SidesConfig | None = field(default_factory=SidesConfig)
    """Left and right exchanged by the pose network are put right; None: left as they are."""
    preset: Preset = DEFAULT
    smoothing: SmoothingConfig | None = None
    """Stored places of joints are smoothed over time (harvest/smooth.py); None: as the network said."""
    scores: Literal["raw", "calibrated"] = "raw"
    """Stored scores: the network's, or the chance that the joint is right (harvest/calibration.py). Raw stays the
    default: training takes joints with a score from 0.1 for visible, and a calibrated one is hardly ever below 0.8."""
    phi_every: int = 16
    """Frames between two batches of φ; no influence on the result."""


@dataclass(frozen=True)
class HarvestConfig:
    """One harvest: policy, download, labels, and how many work at once."""

    policy: Policy = field(default_factory=Policy)
    download: DownloadConfig = field(default_factory=DownloadConfig)
    label: LabelConfig = field(default_factory=LabelConfig)
    backend: str = "embedded"
    truth_films: Path | None = None
    """Where the films' truth lies, for the backend `truth`."""
    phis: tuple[str, ...] = ("blazepose_penultimate",)
    device: str = "cpu"
    """Where the networks run: cpu, cuda, cuda:1, mps."""
    pace: PaceConfig = field(default_factory=PaceConfig)
    apart_from: tuple[str, ...] = ()
    """Lakes (test sets, labelled sets) of whose videos no copy may come in."""
    limit: int | None = None
    """So many videos are worked on in one call, shared out by the sources' weights; the others stay pending."""
    workers: int = 2
    threads: int | None = None
    """Of each worker: with two, one video uses two cores. None: the cores, shared out among workers with an item."""
    item_seconds: float = 4 * 3600.0
    """A worker that is silent on one item for so long is killed."""
    shard_videos: int = 16
    """Videos to a commit."""
    shard_seconds: float = 30.0
    """A commit is made at least this often."""
    stage_cache_gb: float = 20.0
    """What the networks said stays below the lake's cache up to this size: a changed threshold asks them nothing."""
    retry_failed: bool = False
