"""φ of the embedded backend: the 1,152 penultimate activations (2 x 2 x 288) of BlazePose's landmark network.

All heads of that network are linear in them. It was trained with 3D labels, so this φ already holds 3D. The network's
own 3D landmarks come with the same forward pass; they are the baseline that a model has to beat (docs/films.md E).

The crop is upright, or turned by the lean of the person's trunk, as the network was trained: then the person stands
upright in the crop, and a model needs the turn to see 2D in the crop's axes and to turn its 3D back.

Letters: N crops.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from body.joints import KEYPOINTS_25, indices
from harvest.backends.blazepose import BlazePose, world_25
from harvest.backends.roi import Crops, upright
from harvest.weights.files import BLAZEPOSE
from harvest.weights.onnx_session import runtime_identity

MARGIN = 0.85
"""The network reads the middle of the tracklet's square, with this part of its side, since the square leaves more room
than BlazePose was trained with.

Of 0.75, 0.85 and 1 this gave its own 3D the least PA-MPJPE on dev films (docs/LOG.md); 1.2 was worse on real video.
"""

_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)
_SHOULDERS = indices(("left_shoulder", "right_shoulder"), KEYPOINTS_25)


class BlazePosePhi:
    """Penultimate activations and the network's own 3D landmarks, one forward pass a crop. Crops are upright."""

    name = "blazepose_penultimate"
    dim = 1152

    def __init__(self, *, threads: int = 1, device: str = "cpu", runtime: str = "onnxruntime") -> None:
        self.weights: Mapping[str, str] = {BLAZEPOSE.name: BLAZEPOSE.sha256} | runtime_identity(runtime)
        self._network = BlazePose(threads=threads, device=device, runtime=runtime)

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 1152) float32 and (N, 25, 3) metres, hip-centred, camera axes."""
        return self._read(frames, upright(_shrunk(boxes_N4)))

    def _read(self, frames: Sequence[np.ndarray], crops: Crops) -> tuple[np.ndarray, np.ndarray]:
        reading = self._network.read(frames, crops)
        return reading.penultimate_ND.astype(np.float32), world_25(reading)


class TurnedBlazePosePhi(BlazePosePhi):
    """`TurnedPhi`: the same network on crops in which the person's trunk is upright."""

    name = "blazepose_turned"

    def turns(self, keypoints_N25x3: np.ndarray) -> np.ndarray:
        """(N) radians: the lean of the trunk from mid-hip to mid-shoulder, clockwise in the picture; 0 where a hip or
        shoulder has score 0, as in frames in which the person was not observed."""
        joints_N4x3 = keypoints_N25x3[:, [*_HIPS, *_SHOULDERS]].astype(np.float64)
        trunk_N2 = joints_N4x3[:, 2:, :2].mean(1) - joints_N4x3[:, :2, :2].mean(1)
        known_N = (joints_N4x3[..., 2] > 0).all(1)
        return np.where(known_N, np.arctan2(trunk_N2[:, 0], -trunk_N2[:, 1]), 0.0).astype(np.float32)

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 1152) float32 of the turned crops, and (N, 25, 3) metres, hip-centred, in camera axes."""
        crops = Crops(_shrunk(boxes_N4), self.turns(keypoints_N25x3).astype(np.float64))
        return self._read(frames, crops)


def _shrunk(boxes_N4: np.ndarray) -> np.ndarray:
    centre, half = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2, (boxes_N4[:, 2:] - boxes_N4[:, :2]) / 2 * MARGIN
    return np.concatenate([centre - half, centre + half], axis=1)
