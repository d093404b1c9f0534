"""φ from a network that was trained on 2D only: the top of MoveNet Lightning's feature pyramid (6 x 6 x 64).

MoveNet was trained on 2D keypoints (COCO and Google's Active set), so all 3D that a model predicts from this φ it has
learned from our labels. `hmmr weights fetch --all` fetches the weights. Letters: N crops.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from harvest.backends.roi import cut
from harvest.weights.files import MOVENET, path
from harvest.weights.onnx_session import open_network, runtime_identity

CROP = 192


class MoveNetPhi:
    """`Phi` from MoveNet's encoder. WeightsError if its weights are not in the cache."""

    name = "movenet_pyramid"
    dim = 6 * 6 * 64

    def __init__(self, *, threads: int = 1, device: str = "cpu", runtime: str = "onnxruntime") -> None:
        self.weights: Mapping[str, str] = {MOVENET.name: MOVENET.sha256} | runtime_identity(runtime)
        self._batch = 1 if device == "cpu" else 64
        self._network = open_network(path(MOVENET), runtime, threads=threads, device=device)

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 2304) float32, and no 3D."""
        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(frames), self._batch):
            some = range(start, min(start + self._batch, len(frames)))
            crops = np.stack([cut(frames[i], boxes_N4[i], CROP) for i in some]).astype(np.float32)
            rows.append(self._network(crops=crops)["features"].reshape(len(crops), self.dim))
        return np.concatenate(rows), None
