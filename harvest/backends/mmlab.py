"""A backend of OpenMMLab models: any detector of mmdet and any top-down estimator of mmpose, by config and checkpoint.

Without a detector of mmdet the people are those of the default backend's NanoDet, and the backend has another name. It
runs in the environment that scripts/install_mmlab makes. Its results equal those of mmdet's and mmpose's own
inference functions with the same weights; it runs batches across frames and people. Letters: P people.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harvest.backends.embedded import NanoDet, NanoDetConfig
from harvest.backends.joint_names import JointMap
from harvest.backends.mmlab_models import NdPipeline, build_detector, build_pose_estimator
from harvest.weights.files import NANODET
from storage.atomic import file_sha256


@dataclass(frozen=True)
class MmlabConfig:
    """Configs are paths, or the names of files that mmdet and mmpose ship (`rtmdet_m_640-8xb32_coco-person.py`).

    Without a checkpoint the weights are random, for tests. `detector_config` None: NanoDet detects. `person_class` is
    the number of the class in the detector, `threshold` the score below which detections are dropped.
    """

    pose_config: str
    detector_config: str | None = None
    detector_checkpoint: Path | None = None
    pose_checkpoint: Path | None = None
    device: str = "cpu"
    threshold: float = 0.4
    person_class: int = 0
    frames_batch: int = 8
    people_batch: int = 32


class MmlabBackend:
    """`PoseBackend` from a detector of mmdet and a top-down estimator of mmpose."""

    def __init__(self, config: MmlabConfig) -> None:
        """`name` is mmlab, or nanodet+mmpose where the detector is not of mmdet."""
        self.config = config
        self._detector: NdPipeline | None = None
        if config.detector_config is not None:
            self._detector = build_detector(config.detector_config, config.detector_checkpoint, config.device)
        else:
            self._nanodet = NanoDet(NanoDetConfig(threshold=config.threshold, device=config.device))
        self.name = "mmlab" if self._detector else "nanodet+mmpose"
        self._pose = build_pose_estimator(config.pose_config, config.pose_checkpoint, config.device)
        self._joints = JointMap.of(list(self._pose.joint_names))
        self.joints = self._joints.joints
        checkpoints, configs = {"pose": config.pose_checkpoint}, {"pose_config": self._pose.text}
        if self._detector is not None:
            checkpoints["detector"], configs["detector_config"] = config.detector_checkpoint, self._detector.text
        nanodet = {} if self._detector is not None else {NANODET.name: NANODET.sha256}
        self.weights: Mapping[str, str] = {
            **nanodet,
            **{name: file_sha256(path) if path else "random" for name, path in checkpoints.items()},
            **{name: hashlib.sha256(text.encode()).hexdigest() for name, text in configs.items()},
        }

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): x0 y0 x1 y1 px, score; best first."""
        if self._detector is None:
            return self._nanodet.people(frames)
        items = [{"img": _bgr(frame), "img_id": 0} for frame in frames]
        samples = _in_batches(self._detector, items, self.config.frames_batch)
        return [self._boxes(sample.pred_instances.cpu().numpy()) for sample in samples]

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame (P, 25, 3): x, y px, score. `expected` is ignored."""
        items = []
        for frame, boxes_P4 in zip(frames, boxes, strict=True):
            picture = _bgr(frame)
            for box in boxes_P4:
                corners = np.asarray(box[:4], np.float32)[None]
                items.append({"img": picture, "bbox": corners, "bbox_score": np.ones(1, np.float32)})
        samples = _in_batches(self._pose, items, self.config.people_batch)
        return [self._people([next(samples) for _ in boxes_P4]) for boxes_P4 in boxes]

    def _boxes(self, instances: Any) -> np.ndarray:
        keep = (instances.labels == self.config.person_class) & (instances.scores > self.config.threshold)
        boxes_P5 = np.concatenate([instances.bboxes[keep], instances.scores[keep, None]], -1).astype(np.float32)
        return np.asarray(boxes_P5[np.argsort(-boxes_P5[:, 4], kind="stable")])

    def _people(self, samples: Sequence[Any]) -> np.ndarray:
        if not samples:
            return np.zeros((0, 25, 3), np.float32)
        points = np.concatenate([np.asarray(sample.pred_instances.keypoints) for sample in samples])
        scores = np.concatenate([np.asarray(sample.pred_instances.keypoint_scores) for sample in samples])
        return self._joints.to_25(points, scores)


def _bgr(frame_HW3: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame_HW3[..., ::-1])


def _in_batches(network: NdPipeline, items: Sequence[Mapping[str, Any]], size: int) -> Iterator[Any]:
    for start in range(0, len(items), size):
        yield from network(items[start : start + size])
