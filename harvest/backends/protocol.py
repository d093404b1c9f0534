"""What every 2D backend does for the harvest.

P people in a frame, 25 joints in the order of body.joints.KEYPOINTS_25. Frames are RGB uint8 (H, W, 3); pixels are
of the frame, origin at the outer corner of the top-left pixel.

A backend around another one: says of itself what the one inside says. Its children change how that one is asked.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


class PoseBackend(Protocol):
    """Finds people and their joints in frames of one video. Not shared between processes: each makes its own."""

    @property
    def name(self) -> str:
        """Stable name, kept in every tracklet row."""

    @property
    def weights(self) -> Mapping[str, str]:
        """File name -> sha256 of everything that decides the result; part of the label key."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Those of the 25 that the backend has; all others get score 0."""

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5) float32: x0 y0 x1 y1 px and score in [0, 1], best first; (0, 5) where nobody is."""

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame, for its boxes (P, 4 or 5), (P, 25, 3) float32: x, y px and score in [0, 1].

        `expected` is a hint that a backend need not take: per frame (P, 25, 3), where this backend's own answers for
        the frames before place each person's joints now; all scores 0 for somebody who is new."""


@runtime_checkable
class ReadsFile(Protocol):
    """A backend that knows more of a video than its pixels (`truth`) is told the file before its first frame."""

    def open_video(self, path: Path) -> None:
        """The next frames are of this file. ValueError names a file that the backend knows nothing of."""


class AroundBackend:
    """Name, weights and joints of the backend inside, which decide the label_key."""

    def __init__(self, inner: PoseBackend) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """Of the backend inside."""
        return self._inner.name

    @property
    def weights(self) -> Mapping[str, str]:
        """Of the backend inside."""
        return self._inner.weights

    @property
    def joints(self) -> tuple[str, ...]:
        """Of the backend inside."""
        return self._inner.joints
