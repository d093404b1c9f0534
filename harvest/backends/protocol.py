"""The protocol of a 2D backend: it detects people and reads their joints.

P people in a frame, 25 joints in the order of body.joints.KEYPOINTS_25. Frames are RGB uint8 (H, W, 3). Coordinates are
px of the frame, origin at the outer corner of the top-left pixel.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


class PoseBackend(Protocol):
    """Detects people and reads their joints in the frames of a video. Each process makes its own."""

    @property
    def name(self) -> str:
        """Stable name, kept in every tracklet row."""

    @property
    def weights(self) -> Mapping[str, str]:
        """File name -> sha256 of everything that decides the result; part of the label key."""

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints of the 25 that the backend has; the others get score 0."""

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5) float32: x0 y0 x1 y1 px and score in [0, 1], best first; (0, 5) if it finds nobody."""

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame, for its boxes (P, 4 or 5), (P, 25, 3) float32: x, y px and score in [0, 1].

        `expected` is a hint that a backend may ignore: per frame (P, 25, 3), where each person's joints should be,
        extrapolated from this backend's answers for earlier frames; all scores are 0 for a new person."""


@runtime_checkable
class ReadsFile(Protocol):
    """A backend that reads the video file itself (`truth`); it gets the file before the first frame."""

    def open_video(self, path: Path) -> None:
        """The next frames are of this file. ValueError names a file that the backend cannot read or does not know."""


@runtime_checkable
class TwoLooks(Protocol):
    """A backend whose detector can look at pictures of another size, at which it sees other people."""

    def people_again(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `PoseBackend.people`, at the other size."""
