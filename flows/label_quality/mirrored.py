"""A backend that exchanges left and right now and then, to measure how much of that the repair of sides undoes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from body.joints import KEYPOINTS_25, mirror_permutation
from harvest.backends.protocol import PoseBackend, ReadsFile

BURST_FRAMES = 3
_MIRROR = mirror_permutation(KEYPOINTS_25)


class MirroringBackend:
    """`PoseBackend` and `ReadsFile`: another backend's poses with left and right exchanged in bursts of frames, each
    burst with probability `share`. The same file gives the same bursts."""

    def __init__(self, inner: PoseBackend, share: float) -> None:
        self._inner = inner
        self.name, self.joints = inner.name, inner.joints
        self.weights: Mapping[str, str] = {**inner.weights, "mirrored": f"{share} of {BURST_FRAMES} frames"}
        self._share, self._now, self._frames = share, False, 0
        self._rng = np.random.default_rng(0)

    def open_video(self, path: Path) -> None:
        """The next frames are of this file."""
        if isinstance(self._inner, ReadsFile):
            self._inner.open_video(path)
        seed = hashlib.sha256(path.name.encode()).digest()[:8]
        self._rng, self._frames = np.random.default_rng(int.from_bytes(seed, "little")), 0

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As the backend inside says."""
        return self._inner.people(frames)

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """As the backend inside says, or with sides exchanged. A call is a frame: the labeller asks once for each."""
        return [pose[:, _MIRROR] if self._mirrors() else pose for pose in self._inner.pose(frames, boxes, expected)]

    def _mirrors(self) -> bool:
        if self._frames % BURST_FRAMES == 0:
            self._now = bool(self._rng.random() < self._share)
        self._frames += 1
        return self._now
