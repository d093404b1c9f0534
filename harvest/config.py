"""The settings of a harvest, as one frozen tree whose defaults are the ones that ran."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harvest.fetch.pace import PaceConfig
from harvest.fetch.policy import Policy
from harvest.filters.presets import DEFAULT, Preset
from harvest.smooth import SmoothingConfig
from harvest.tracking.people import PeopleConfig
from harvest.tracking.sides import SidesConfig
from harvest.tracking.track import TrackConfig
from harvest.video.decode import DecodeConfig
from harvest.video.shots import ShotConfig
from storage.labels.key import added_field
from storage.ledger.leases import LEASE_S


@dataclass(frozen=True)
class DownloadConfig:
    """How a file is fetched."""

    max_height: int = 720
    """Length of the shorter side, px: the largest format up to it is taken, or the next larger one where a host has no
    other (it then stands for the policy's limits). HMMR's crops are 224 px: more is bandwidth without use."""
    max_wall_s: float = 1800.0
    """Longest download of one item, whatever its speed."""
    socket_timeout_s: float = 20.0
    retries: int = 3
    sleep_s: float = 0.0
    """Pause between the requests of one extraction, for hosts that ask for it."""
    contact: str = ""
    """Mail address or page of the user, put into the user agent."""


@dataclass(frozen=True)
class LabelConfig:
    """How a file is labelled. Every field but `phi_every` is part of the label_key."""

    decode: DecodeConfig = field(default_factory=DecodeConfig)
    shots: ShotConfig = field(default_factory=ShotConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    sides: SidesConfig | None = field(default_factory=SidesConfig)
    """Repairs left and right where the pose network exchanged them; None leaves them as they are."""
    preset: Preset = DEFAULT
    smoothing: SmoothingConfig | None = None
    """Smooths the stored joints over time (harvest/smooth.py); None stores them as the network gave them."""
    scores: Literal["raw", "calibrated"] = "raw"
    """Stored scores: the network's, or the probability that the joint is right (harvest/calibration.py). The default is
    raw: training takes joints with a score of 0.1 or more as visible, and few calibrated scores are below 0.8."""
    phi_every: int = 16
    """Frames per batch of φ; it does not change the labels."""


@dataclass(frozen=True)
class RayConfig:
    """The engine `ray`: decoding actors, as many as `workers`, ask network actors (harvest/ray_engine.py)."""

    networks: int = 1
    """Network actors."""
    gpus: float = 1.0
    """GPUs, or the part of one, that a network actor takes; none where the device is a CPU."""
    batch: int = 64
    """Frames or crops that a network actor computes at once, at most."""


@dataclass(frozen=True)
class HarvestConfig:
    """One harvest: policy, download, labels, and how many workers run."""

    policy: Policy = field(default_factory=Policy)
    download: DownloadConfig = field(default_factory=DownloadConfig)
    label: LabelConfig = field(default_factory=LabelConfig)
    backend: str = "embedded"
    truth_films: Path | None = None
    """Folder of the films' truth, for the backend `truth`."""
    phis: tuple[str, ...] = ("blazepose_penultimate",)
    device: str = "cpu"
    """Device of the networks: cpu, cuda, cuda:1, mps."""
    runtime: str = added_field("onnxruntime")
    """What runs the embedded networks: one of harvest/weights/onnx_session.py RUNTIMES."""
    pace: PaceConfig = field(default_factory=PaceConfig)
    apart_from: tuple[str, ...] = ()
    """Lakes (test sets, labelled sets) whose videos, and copies of them, are rejected as duplicates."""
    limit: int | None = None
    """Videos of one call, chosen by the sources' weights; the others stay pending. None: all."""
    workers: int = 2
    engine: Literal["local", "ray"] = "local"
    """What runs the workers: processes of this machine, or actors of a Ray cluster (extra `ray`)."""
    ray: RayConfig = field(default_factory=RayConfig)
    threads: int | None = None
    """Threads of each worker. None: the cores, divided among the workers that have an item."""
    item_seconds: float = 4 * 3600.0
    """A worker that reports nothing about its item for so long is killed."""
    shard_videos: int = 16
    """Videos per commit."""
    shard_seconds: float = 30.0
    """A commit is made at least this often."""
    lease_s: float = LEASE_S
    """So long after its last beat a run's items are free for other runs."""
    wait_for_others: bool = True
    """Whether a run waits for items of its list that other runs hold; otherwise it ends and leaves them pending."""
    stage_cache_gb: float = 20.0
    """Limit of the cache of the networks' answers, which a run with other thresholds reads instead of asking again."""
    retry_failed: bool = False
