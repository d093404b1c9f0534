"""What every image feature does for the harvest. N crops, D numbers each."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class Phi(Protocol):
    """Turns one person in one frame into D numbers."""

    @property
    def name(self) -> str:
        """Stable name, kept in the features table."""

    @property
    def dim(self) -> int:
        """D."""

    @property
    def weights(self) -> Mapping[str, str]:
        """File name -> sha256 of everything that decides the result; part of the label key."""

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, D) float32 for boxes_N4[i] (a square, px) in the RGB uint8 frame frames[i]; and, where the network
        itself says it, (N, 25, 3) zero-shot 3D in metres (hip-centred, camera axes, NaN for joints it lacks)."""
