"""The protocol of an image feature φ. Letters: N crops, D feature dimension."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np


class Phi(Protocol):
    """Maps crops of one person in one frame to feature vectors."""

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
        """(N, D) float32 features of the squares boxes_N4[i] (px) in the RGB uint8 frames frames[i]; and (N, 25, 3) the
        network's own 3D in metres (hip-centred, camera axes, NaN for joints that it lacks), None if it has none.
        `keypoints_N25x3`: the person's 2D joints in that frame, x, y px and score."""


@runtime_checkable
class TurnedPhi(Phi, Protocol):
    """A φ whose crops are turned about their centre."""

    def turns(self, keypoints_N25x3: np.ndarray) -> np.ndarray:
        """(N) float32 radians by which each crop is turned, clockwise in the picture. A place (x, y) about the crop's
        centre, in axes of the picture, is (x cos t + y sin t, y cos t - x sin t) in the crop."""
