"""BlazePose full (MediaPipe, Apache-2.0), top-down: a square crop of one person in, 33 landmarks in 2D and 3D out.

The network is the one of harvest/weights.py, in ONNX Runtime without its unused mask and heatmap branches: half the
time of the original file in LiteRT, and equal to it within 0.01 px (tests/harvest/backends). N crops.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from body.joints import BLAZEPOSE_33, KEYPOINTS_25
from harvest.crop import cut, square_around, to_frame
from harvest.onnx_session import OnnxNetwork
from harvest.weights import BLAZEPOSE, path

CROP = 256
BOX_SCALE = 1.25
"""Side of the crop over the longer side of the person's box (MediaPipe's own ROI scale)."""

_SAME_POINT = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
_NAMES = {name: _SAME_POINT.get(name, name) for name in KEYPOINTS_25}
JOINTS: tuple[str, ...] = tuple(name for name in KEYPOINTS_25 if _NAMES[name] in BLAZEPOSE_33)
"""Those of the 25 that BlazePose has: all but neck, head_top and the small toes."""

_SLOTS = [KEYPOINTS_25.index(name) for name in JOINTS]
_LANDMARKS = [BLAZEPOSE_33.index(_NAMES[name]) for name in JOINTS]


@dataclass(frozen=True)
class CropReading:
    """What the network says of N crops. Pixels of the crop; metres, hip-centred, camera axes (x right, y down)."""

    landmarks_N33x2: np.ndarray
    visibility_N33: np.ndarray
    presence_N: np.ndarray
    world_N33x3: np.ndarray
    penultimate_ND: np.ndarray


class BlazePose:
    """The landmark network on crops; both the pose backend and phi read it."""

    def __init__(self, *, threads: int = 1, device: str = "cpu", batch: int | None = None) -> None:
        # on a CPU a batch is slower than its crops one by one: the activations fall out of the cache (docs/LOG.md)
        self._batch = batch or (1 if device == "cpu" else 64)
        self._network = OnnxNetwork(path(BLAZEPOSE), threads=threads, device=device)

    def read(self, frames: Sequence[np.ndarray], squares_N4: np.ndarray) -> CropReading:
        """Readings of squares_N4[i] cut out of the RGB frame frames[i]."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self._network.outputs}
        for start in range(0, len(frames), self._batch):
            pairs = zip(frames[start : start + self._batch], squares_N4[start : start + self._batch], strict=True)
            crops = np.stack([cut(frame, square, CROP) for frame, square in pairs])
            for name, value in self._network(crops=crops.astype(np.float32) / 255).items():
                parts[name].append(value.reshape(len(crops), -1))
        return _reading({name: np.concatenate(part) if part else np.zeros((0, 0)) for name, part in parts.items()})


def _reading(outputs: dict[str, np.ndarray]) -> CropReading:
    count = len(outputs["landmarks"])
    landmarks = outputs["landmarks"].reshape(count, 39, 5)[:, :33]
    return CropReading(
        landmarks_N33x2=landmarks[..., :2],
        visibility_N33=1 / (1 + np.exp(-landmarks[..., 3])),
        presence_N=outputs["presence"].reshape(count),
        world_N33x3=outputs["world"].reshape(count, 39, 3)[:, :33],
        penultimate_ND=outputs["penultimate"].reshape(count, 1152),
    )


def squares_of(boxes_P4: np.ndarray) -> np.ndarray:
    """The squares (P, 4) that the network reads for people in boxes (P, 4 or more)."""
    return np.stack([square_around(box, BOX_SCALE) for box in boxes_P4]) if len(boxes_P4) else np.zeros((0, 4))


def keypoints_25(reading: CropReading, squares_N4: np.ndarray) -> np.ndarray:
    """(N, 25, 3): x, y px of the frame and score = visibility x presence of a person; 0 for joints it lacks."""
    out = np.zeros((len(squares_N4), 25, 3), np.float32)
    for n, square in enumerate(squares_N4):
        out[n, _SLOTS, :2] = to_frame(reading.landmarks_N33x2[n, _LANDMARKS], square, CROP)
        out[n, _SLOTS, 2] = reading.visibility_N33[n, _LANDMARKS] * reading.presence_N[n]
    return out


def world_25(reading: CropReading) -> np.ndarray:
    """(N, 25, 3) metres, hip-centred, camera axes; NaN for joints it lacks."""
    out = np.full((len(reading.world_N33x3), 25, 3), np.nan, np.float32)
    out[:, _SLOTS] = reading.world_N33x3[:, _LANDMARKS]
    return out
