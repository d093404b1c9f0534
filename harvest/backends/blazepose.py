"""BlazePose full (MediaPipe, Apache-2.0), top-down: a square crop of one person in, 33 landmarks in 2D and 3D out.

The network of harvest/weights/files.py runs in ONNX Runtime without its unused mask and heatmap branches. It takes half
the time of the original file in LiteRT and equals it within 0.01 px (tests/harvest/backends). Its landmarks become the
universal 25 keypoints by name. Letters: N crops or people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from body.joints import BLAZEPOSE_33, KEYPOINTS_25
from harvest.backends.roi import Crops, RefineLimits, cut, is_off, own_crops, to_frame
from harvest.weights.files import BLAZEPOSE, path
from harvest.weights.onnx_session import open_network

CROP = 256
"""px of the network's input."""


@dataclass(frozen=True)
class Reading:
    """The network's outputs for N crops, in px of the frame and in metres (hip-centred, camera axes: x right, y down).

    `hips_N2` and `above_N2` are its auxiliary landmarks 33 and 34 (backends/roi.py).
    """

    landmarks_N33x2: np.ndarray
    visibility_N33: np.ndarray
    presence_N: np.ndarray
    world_N33x3: np.ndarray
    penultimate_ND: np.ndarray
    hips_N2: np.ndarray
    above_N2: np.ndarray


class BlazePose:
    """The landmark network on crops, for the pose backend and for φ."""

    def __init__(
        self, *, threads: int = 1, device: str = "cpu", batch: int | None = None, runtime: str = "onnxruntime"
    ) -> None:
        # on a CPU a batch is slower than its crops one by one: the activations fall out of the cache (docs/LOG.md)
        self._batch = batch or (1 if device == "cpu" else 64)
        self._network = open_network(path(BLAZEPOSE), runtime, threads=threads, device=device)

    def read(self, frames: Sequence[np.ndarray], crops: Crops) -> Reading:
        """Outputs for crop i, which is cut from the RGB frame frames[i]."""
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in self._network.outputs}
        for start in range(0, len(frames), self._batch):
            rows = range(start, min(start + self._batch, len(frames)))
            pixels = np.stack([cut(frames[i], crops.squares_N4[i], CROP, crops.angles_N[i]) for i in rows])
            for name, value in self._network(crops=np.divide(pixels, np.float32(255))).items():
                outputs[name].append(value.reshape(len(rows), -1))
        if not len(frames):
            return _reading({name: np.zeros((0, _WIDTHS[name])) for name in outputs}, crops)
        return _reading({name: np.concatenate(parts) for name, parts in outputs.items()}, crops)

    def read_twice(self, frames: Sequence[np.ndarray], crops: Crops, limits: RefineLimits) -> Reading:
        """As `read`. Where the first pass shows that a crop is beyond the limits from BlazePose's own, the crop is read
        again through that one."""
        first = self.read(frames, crops)
        own = own_crops(first.hips_N2, first.above_N2)
        again = np.flatnonzero(is_off(crops, own, limits) & (first.presence_N > 0.5))
        second = self.read([frames[int(i)] for i in again], own[again])
        return _with_rows(first, again, second)


_WIDTHS = {"landmarks": 195, "world": 117, "presence": 1, "penultimate": 1152}


def _reading(outputs: dict[str, np.ndarray], crops: Crops) -> Reading:
    count = len(outputs["landmarks"])
    raw_N39x5 = outputs["landmarks"].reshape(count, 39, 5)
    places_N39x2 = np.zeros((count, 39, 2))
    world_N33x3 = outputs["world"].reshape(count, 39, 3)[:, :33].astype(np.float64)
    for n in range(count):
        angle = float(crops.angles_N[n])
        places_N39x2[n] = to_frame(raw_N39x5[n, :, :2], crops.squares_N4[n], CROP, angle)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        world_N33x3[n, :, :2] = world_N33x3[n, :, :2] @ turn.T
    return Reading(
        landmarks_N33x2=places_N39x2[:, :33],
        visibility_N33=1 / (1 + np.exp(-np.maximum(raw_N39x5[:, :33, 3], -80))),
        presence_N=outputs["presence"].reshape(count),
        world_N33x3=world_N33x3,
        penultimate_ND=outputs["penultimate"],
        hips_N2=places_N39x2[:, 33],
        above_N2=places_N39x2[:, 34],
    )


def _with_rows(base: Reading, rows: np.ndarray, other: Reading) -> Reading:
    """A copy of `base` whose given rows are those of `other`."""
    merged = {field.name: getattr(base, field.name).copy() for field in fields(Reading)}
    for name, values in merged.items():
        values[rows] = getattr(other, name)
    return Reading(**merged)


_SAME_POINT = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
_NAMES = {name: _SAME_POINT.get(name, name) for name in KEYPOINTS_25}
JOINTS: tuple[str, ...] = tuple(name for name in KEYPOINTS_25 if _NAMES[name] in BLAZEPOSE_33)
"""The keypoints of the 25 that BlazePose has: all but neck, head_top and the small toes."""

SLOTS = [KEYPOINTS_25.index(name) for name in JOINTS]
"""Their places among the 25."""

LANDMARKS = [BLAZEPOSE_33.index(_NAMES[name]) for name in JOINTS]
"""Their places among the 33."""


def keypoints_25(reading: Reading) -> np.ndarray:
    """(N, 25, 3): x, y px of the frame and score = visibility x presence of a person; 0 for joints it lacks."""
    out = np.zeros((len(reading.presence_N), 25, 3), np.float32)
    out[:, SLOTS, :2] = reading.landmarks_N33x2[:, LANDMARKS]
    out[:, SLOTS, 2] = reading.visibility_N33[:, LANDMARKS] * reading.presence_N[:, None]
    return out


def world_25(reading: Reading) -> np.ndarray:
    """(N, 25, 3) metres, hip-centred, camera axes; NaN for joints it lacks."""
    out = np.full((len(reading.presence_N), 25, 3), np.nan, np.float32)
    out[:, SLOTS] = reading.world_N33x3[:, LANDMARKS]
    return out
