"""The default backend: NanoDet detects people, BlazePose reads their joints. Both run on a CPU.

Letters: P people of all frames of a call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from body.joints import KEYPOINTS_25, indices
from harvest.backends.blazepose import JOINTS, SLOTS, BlazePose, keypoints_25
from harvest.backends.nanodet import NanoDet, NanoDetConfig
from harvest.backends.roi import Crops, RefineLimits, crops_around, square_around, upright
from harvest.weights.files import BLAZEPOSE, NANODET

BOX_SCALE = 1.25
"""Side of BlazePose's crop over the longer side of the person's box (MediaPipe's own margin)."""

_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)
_SHOULDERS = indices(("left_shoulder", "right_shoulder"), KEYPOINTS_25)


@dataclass(frozen=True)
class EmbeddedConfig:
    """Sizes, thresholds and limits of the two networks."""

    detector_size: int = 320
    """Longer side, px, of the picture that the detector gets."""
    detector_threshold: float = 0.4
    """Detections with a lower score are dropped."""
    refine: RefineLimits = field(default_factory=RefineLimits)
    """When a new person is read again through BlazePose's own crop."""
    follow: RefineLimits = field(default_factory=lambda: RefineLimits(turn_degrees=45.0))
    """The same for a followed person, whose crop is turned less than BlazePose's own (roi.py TURN)."""
    threads: int = 1
    """One, since each worker is a process of its own."""
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
        """Per frame (P, 25, 3): x, y px, score. A person with expected joints is read from the crop around those, which
        rarely needs a second pass."""
        if not boxes:
            return []
        counts = [len(b) for b in boxes]
        owners = [frame for frame, count in zip(frames, counts, strict=True) for _ in range(count)]
        expected_P253 = np.zeros((len(owners), 25, 3)) if expected is None else np.concatenate(expected)
        known_P = np.asarray((expected_P253[..., 2] > 0).any(-1))
        all_boxes = (box for boxes_P4 in boxes for box in boxes_P4)
        squares = [square_around(box, BOX_SCALE) for box, known in zip(all_boxes, known_P, strict=True) if not known]
        crops = upright(np.stack(squares) if squares else np.zeros((0, 4)))
        poses_P253 = np.zeros((len(owners), 25, 3), np.float32)
        poses_P253[~known_P] = self._read(owners, ~known_P, crops, self.config.refine)
        poses_P253[known_P] = self._read(owners, known_P, _around(expected_P253[known_P]), self.config.follow)
        return np.split(poses_P253, np.cumsum(counts)[:-1])

    def _read(self, owners: Sequence[np.ndarray], mask_P: np.ndarray, crops: Crops, limits: RefineLimits) -> np.ndarray:
        return keypoints_25(
            self._landmarks.read_twice([owners[p] for p in np.flatnonzero(mask_P).tolist()], crops, limits)
        )


def _around(joints_P253: np.ndarray) -> Crops:
    points = joints_P253[..., :2].astype(np.float64)
    return crops_around(points[:, SLOTS], points[:, _HIPS].mean(1), points[:, _SHOULDERS].mean(1))
