"""A backend of rtmlib's ONNX models (YOLOX or RTMDet, then RTMPose or ViTPose), by path or by rtmlib's name of a set.

It needs `pip install 'hmmr-harvest[rtm]'`. rtmlib downloads a named set. Letters: P people.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harvest.backends.joint_names import BY_COUNT, JointMap
from storage.atomic import file_sha256

_WAY_OUT = "the backend `rtm` needs rtmlib: pip install 'hmmr-harvest[rtm]', or use the environment of install_mmlab"


@dataclass(frozen=True)
class RtmConfig:
    """`detector` and `pose` are paths or URLs of ONNX files. Sizes in rtmlib's order: detector (H, W), pose (W, H)."""

    detector: str
    pose: str
    detector_kind: Literal["yolox", "rtmdet"] = "yolox"
    pose_kind: Literal["rtmpose", "vitpose"] = "rtmpose"
    detector_size: tuple[int, int] = (640, 640)
    pose_size: tuple[int, int] = (192, 256)
    threshold: float = 0.4
    device: str = "cpu"

    @classmethod
    def by_name(cls, name: str, *, device: str = "cpu") -> "RtmConfig":
        """rtmlib's set `lightweight`, `balanced` or `performance`, with feet (26 joints); ValueError for others."""
        sets = _rtmlib().BodyWithFeet.MODE
        if name not in sets:
            raise ValueError(f"rtmlib has no set {name!r}: {', '.join(sets)}")
        chosen = sets[name]
        return cls(
            chosen["det"], chosen["pose"],
            detector_size=chosen["det_input_size"], pose_size=chosen["pose_input_size"], device=device,
        )  # fmt: skip


class RtmBackend:
    """`PoseBackend` from rtmlib's detectors and pose models."""

    name = "rtm"

    def __init__(self, config: RtmConfig) -> None:
        rtmlib = _rtmlib()
        self.config = config
        detectors = {"yolox": rtmlib.YOLOX, "rtmdet": rtmlib.RTMDet}
        poses = {"rtmpose": rtmlib.RTMPose, "vitpose": rtmlib.ViTPose}
        shared = {"backend": "onnxruntime", "device": config.device}
        self._detector: Any = detectors[config.detector_kind](
            config.detector, model_input_size=config.detector_size, score_thr=config.threshold, **shared
        )
        self._pose: Any = poses[config.pose_kind](config.pose, model_input_size=config.pose_size, **shared)
        self._joints = JointMap.of(BY_COUNT[self._joint_count()])
        self.joints = self._joints.joints
        self.weights: Mapping[str, str] = {tool: _digest(tool) for tool in (config.detector, config.pose)}

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): x0 y0 x1 y1 px, score."""
        return [self._detect(np.ascontiguousarray(frame[..., ::-1])) for frame in frames]

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame (P, 25, 3): x, y px, score. `expected` is ignored."""
        return [self._one(frame, boxes_P4) for frame, boxes_P4 in zip(frames, boxes, strict=True)]

    def _detect(self, bgr_HW3: np.ndarray) -> np.ndarray:
        image, ratio = self._detector.preprocess(bgr_HW3)
        raw = self._detector.inference(image)[0]
        if raw.shape[-1] == 5:  # the model does its own non-maximum suppression
            boxes_P5 = np.concatenate([raw[0, :, :4] / ratio, raw[0, :, 4:]], -1)
            boxes_P5 = boxes_P5[boxes_P5[:, 4] > self.config.threshold]
        else:  # rtmlib's suppression returns no scores; all boxes are above the threshold
            corners = np.asarray(self._detector.postprocess(raw, ratio)).reshape(-1, 4)
            boxes_P5 = np.concatenate([corners, np.ones((len(corners), 1))], -1)
        return np.asarray(boxes_P5[np.argsort(-boxes_P5[:, 4], kind="stable")], np.float32)

    def _one(self, frame_HW3: np.ndarray, boxes_P4: np.ndarray) -> np.ndarray:
        if not len(boxes_P4):
            return np.zeros((0, 25, 3), np.float32)
        # RGB: rtmlib applies the mean and deviation of RGB to whatever it gets, and mmpose trained on RGB
        points, scores = self._pose(np.ascontiguousarray(frame_HW3), np.asarray(boxes_P4)[:, :4])
        return self._joints.to_25(points, scores)

    def _joint_count(self) -> int:
        blank = np.zeros((64, 64, 3), np.uint8)
        count = self._pose(blank, [[0, 0, 64, 64]])[0].shape[1]
        if count not in BY_COUNT:
            raise ValueError(f"{self.config.pose}: has {count} joints; known are models of {sorted(BY_COUNT)}")
        return int(count)


def _rtmlib() -> Any:
    try:
        import rtmlib
    except ImportError as error:
        raise ImportError(_WAY_OUT) from error
    return rtmlib


def _digest(tool: str) -> str:
    """sha256 of the file, or of the URL: rtmlib's file names hold a digest of their content."""
    return file_sha256(Path(tool)) if Path(tool).is_file() else hashlib.sha256(tool.encode()).hexdigest()
