"""φ of the embedded backend: the 1,152 penultimate activations (2 x 2 x 288) of BlazePose's landmark network.

All heads of that network are linear in them. It was trained with 3D labels, so this φ already holds 3D. The network's
own 3D landmarks come with the same forward pass; they are the baseline that a model has to beat (docs/films.md E).

Letters: N crops.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from harvest.backends.blazepose import BlazePose
from harvest.backends.blazepose_joints import world_25
from harvest.backends.roi import upright
from harvest.weights.files import BLAZEPOSE

MARGIN = 0.85
"""The network reads the middle of the tracklet's square, with this part of its side, since the square leaves more room
than BlazePose was trained with.

Of 0.75, 0.85 and 1 this gave its own 3D the least PA-MPJPE on dev films (docs/LOG.md); 1.2 was worse on real video.
"""


class BlazePosePhi:
    """Penultimate activations and zero-shot world landmarks, one forward pass a crop."""

    name = "blazepose_penultimate"
    dim = 1152

    def __init__(self, *, threads: int = 1, device: str = "cpu") -> None:
        self.weights: Mapping[str, str] = {BLAZEPOSE.name: BLAZEPOSE.sha256}
        self._network = BlazePose(threads=threads, device=device)

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 1152) float32 and (N, 25, 3) metres, hip-centred, camera axes. Crops are upright, so that a model
        sees how the person is turned in the frame."""
        reading = self._network.read(frames, upright(_shrunk(boxes_N4)))
        return reading.penultimate_ND.astype(np.float32), world_25(reading)


def _shrunk(boxes_N4: np.ndarray) -> np.ndarray:
    centre, half = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2, (boxes_N4[:, 2:] - boxes_N4[:, :2]) / 2 * MARGIN
    return np.concatenate([centre - half, centre + half], axis=1)
