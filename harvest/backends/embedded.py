"""The default backend: NanoDet detects people, BlazePose reads their joints. Both run on a CPU.

The detector is NanoDet-g (github.com/RangiLyu/nanodet, Apache-2.0) in ONNX Runtime. Pre- and post-processing follow
the original: BGR with its mean and deviation, a box side is the mean of a distribution over 0..10 cells. Size and
threshold were chosen on 31 people of vtest.avi and on one close-up: at 320 px it finds 28 with no false box and the
close-up in every frame; at its native 416 px a person who fills the frame outgrows the ten cells and is lost in a
quarter of the frames (docs/LOG.md). Letters: P people of all frames of a call, N cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from body.boxes import suppress
from body.joints import KEYPOINTS_25, indices
from harvest.backends.blazepose import JOINTS, SLOTS, BlazePose, keypoints_25
from harvest.backends.roi import Crops, RefineLimits, crops_around, square_around, upright
from harvest.weights.files import BLAZEPOSE, NANODET, path
from harvest.weights.onnx_session import open_network, runtime_identity

_MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
_DEVIATION_BGR = np.array([57.375, 57.12, 58.395], np.float32)
_STRIDES = (8, 16, 32)
_PERSON = 0


@dataclass(frozen=True)
class NanoDetConfig:
    """`size`: longer side, px, of the network's input; the cost grows with its square. `overlap`: IoU above which
    non-maximum suppression drops a box."""

    size: int = 320
    threshold: float = 0.4
    overlap: float = 0.6
    threads: int = 1
    device: str = "cpu"
    runtime: str = "onnxruntime"


class NanoDet:
    """The detector. It runs frame by frame, since on a CPU a batch is no faster (docs/LOG.md)."""

    def __init__(self, config: NanoDetConfig = NanoDetConfig()) -> None:
        self.config = config
        self._network = open_network(path(NANODET), config.runtime, threads=config.threads, device=config.device)

    def people(self, frames: Sequence[np.ndarray], size: int | None = None) -> list[np.ndarray]:
        """Per RGB frame (P, 5) float32: x0 y0 x1 y1 px inside the frame, score; best first. `size`: longer side, px, of
        the network's input, if it is not the configuration's."""
        return [self._one(frame, size or self.config.size) for frame in frames]

    def _one(self, frame_HW3: np.ndarray, size: int) -> np.ndarray:
        image, ratio = _letterbox(frame_HW3, size)
        outputs = self._network(images=image)
        boxes_of_strides = [
            _decode(outputs[f"scores_{stride}"][0], outputs[f"distances_{stride}"][0], stride, image.shape[3])
            for stride in _STRIDES
        ]
        boxes_P5 = np.concatenate(boxes_of_strides)
        boxes_P5 = boxes_P5[boxes_P5[:, 4] > self.config.threshold]
        boxes_P5 = boxes_P5[suppress(boxes_P5[:, :4], boxes_P5[:, 4], self.config.overlap)]
        boxes_P5[:, :4] = np.clip(boxes_P5[:, :4] / ratio, 0, np.tile(frame_HW3.shape[1::-1], 2))
        return np.asarray(boxes_P5, np.float32)


def _letterbox(frame_HW3: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """(1, 3, H, W) input: the scaled frame at the top left of the smallest black canvas whose sides are multiples of
    32 px; and the scale."""
    height, width = frame_HW3.shape[:2]
    ratio = size / max(height, width)
    inner = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    canvas_3HW = np.zeros((3, -(-inner[1] // 32) * 32, -(-inner[0] // 32) * 32), np.uint8)
    canvas_3HW[:, : inner[1], : inner[0]] = cv2.resize(frame_HW3, inner)[:, :, ::-1].transpose(2, 0, 1)
    image_3HW = np.subtract(canvas_3HW, _MEAN_BGR[:, None, None])
    image_3HW /= _DEVIATION_BGR[:, None, None]
    return image_3HW[None], ratio


def _decode(scores_NC: np.ndarray, distances_NK: np.ndarray, stride: int, width: int) -> np.ndarray:
    """(P, 5) boxes in px of the input and scores, from the cells of one stride whose best class is a person."""
    cells = np.flatnonzero(scores_NC.argmax(-1) == _PERSON)
    rows, columns = np.divmod(cells, width // stride)
    bins_N4K = np.exp(distances_NK[cells].reshape(len(cells), 4, distances_NK.shape[1] // 4))
    reach_N4 = stride * (bins_N4K @ np.arange(bins_N4K.shape[2])) / bins_N4K.sum(-1)
    centre_N2 = (np.stack([columns, rows], -1) + 0.5) * stride
    corners = [centre_N2 - reach_N4[:, :2], centre_N2 + reach_N4[:, 2:], scores_NC[cells, _PERSON, None]]
    return np.concatenate(corners, -1)


BOX_SCALE = 1.25
"""Side of BlazePose's crop over the longer side of the person's box (MediaPipe's own margin)."""

_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)
_SHOULDERS = indices(("left_shoulder", "right_shoulder"), KEYPOINTS_25)


@dataclass(frozen=True)
class EmbeddedConfig:
    """Sizes, thresholds and limits of the two networks."""

    detector_size: int = 320
    """Longer side, px, of the picture that the detector gets."""
    second_size: int = 416
    """The same for its second look. NanoDet loses large, clear people at any one size (docs/log/labels.md)."""
    detector_threshold: float = 0.4
    """Detections with a lower score are dropped."""
    refine: RefineLimits = field(default_factory=RefineLimits)
    """When a new person is read again through BlazePose's own crop."""
    follow: RefineLimits = field(default_factory=lambda: RefineLimits(turn_degrees=45.0))
    """The same for a followed person, whose crop is turned less than BlazePose's own (roi.py TURN)."""
    threads: int = 1
    """One, since each worker is a process of its own."""
    device: str = "cpu"
    runtime: str = "onnxruntime"
    """What runs the networks: one of harvest/weights/onnx_session.py RUNTIMES."""


class EmbeddedBackend:
    """NanoDet and BlazePose full as one `PoseBackend`."""

    name = "embedded"
    joints = JOINTS

    def __init__(self, config: EmbeddedConfig = EmbeddedConfig()) -> None:
        self.config = config
        runtime = config.runtime
        self.weights: Mapping[str, str] = {w.name: w.sha256 for w in (NANODET, BLAZEPOSE)} | runtime_identity(runtime)
        detector = NanoDetConfig(
            size=config.detector_size, threshold=config.detector_threshold, threads=config.threads,
            device=config.device, runtime=runtime,
        )  # fmt: skip
        self._detector = NanoDet(detector)
        self._landmarks = BlazePose(threads=config.threads, device=config.device, runtime=runtime)

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): x0 y0 x1 y1 px, score."""
        return self._detector.people(frames)

    def people_again(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `people`, at the second size."""
        return self._detector.people(frames, self.config.second_size)

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
