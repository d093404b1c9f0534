"""What a number means, as data: joints, root, alignment, truth, frames, averaging, units, frame rate.

Every number that this project prints carries the id of one `Protocol`. The protocols themselves are in `protocols`.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class FrameRule:
    """Which frames are scored. What it keeps out is counted, by reason."""

    min_joints: int = 1
    """A frame needs the truth of at least so many of the protocol's joints."""
    min_visible: int = 0
    """... and at least so many of them must be visible in the image (2D truth flagged visible)."""
    every: int = 1
    """Only each so-manyth frame of a sequence, from its first; scores of motion need 1."""
    not_cameras: tuple[str, ...] = ()
    """Sequences whose name ends in one of these are not of the protocol."""
    words: str = "every frame that has a 3D label"
    """The rule in words, with what the readers already leave out (subjects, cameras, invalid frames)."""


@dataclass(frozen=True)
class Published:
    """One row that its authors printed under the same protocol: value in the unit of the metric's name."""

    model: str
    dataset: str
    metrics: dict[str, float] = field(hash=False)
    source: str


@dataclass(frozen=True)
class Protocol:
    """How two motions are turned into one number. See the module."""

    id: str
    title: str
    datasets: tuple[str, ...]
    """Names of the data that it is for; a dataset outside of it is refused."""
    joints: tuple[str, ...]
    """The joints scored, in the names of `joint_set`."""
    joint_set: Literal["keypoints_25", "h36m_regressor", "smpl_24", "mpi3d_17"]
    """Which points the names mean. A hip of the SMPL skeleton lies 13 cm from one regressed from the mesh: joints of
    different sets are never compared (docs/hazards.md, 16)."""
    root: tuple[str, ...]
    """Both sides are moved so that the mean of these joints is the origin, before everything but PA."""
    ground_truth: str
    """Body and origin of the truth, in words."""
    frames: FrameRule = FrameRule()
    average: Literal["macro", "micro"] = "macro"
    """The headline: mean over sequences of their means, or mean over all frames. The other one is kept beside it."""
    group: Literal["film", "track"] = "film"
    """What a sequence is: all people of a film together, or one person's track."""
    fps: float | None = None
    """Frame rate of the frames scored; None is the tracklet's own, stored with every row."""
    metrics: tuple[str, ...] = ("mpjpe_mm", "pa_mpjpe_mm", "accel_error_mm_frame2", "mirrored_share")
    near_joints: tuple[str, ...] = ()
    """Joints of `pck_50mm`, the 3DPW challenge's share of joints within 50 mm; none: it is not measured."""
    published: tuple[Published, ...] = ()
    notes: str = ""

    def published_for(self, dataset: str) -> tuple[Published, ...]:
        """Rows that may be printed beside ours: only those of the same protocol and the same data."""
        return tuple(row for row in self.published if row.dataset == dataset)
