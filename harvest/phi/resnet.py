"""φ of HMMR's family: the 2,048 pooled features of a ResNet-50 on a 224 px crop, from the user's checkpoint.

v1: torchvision's ImageNet weights or SPIN's model_checkpoint.pt (.pt, .pth). v2: HMR's or HMMR's encoder; its
TensorFlow checkpoint is converted to .npz once, on a machine with TensorFlow:

    r = tf.train.load_checkpoint(PATH)
    np.savez("resnet_v2.npz", **{n: r.get_tensor(n) for n in r.get_variable_to_shape_map() if "resnet_v2_50" in n})

Letters: N crops. Checkpoints of SPIN, HMR and HMMR were trained with 3D labels; ImageNet's were not.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from harvest.backends.roi import cut
from harvest.phi.resnet_v1 import ResNet50V1
from harvest.phi.resnet_v2 import ResNet50V2, from_slim
from harvest.weights.safe_checkpoint import CheckpointError, fill, load_state_dict
from storage.atomic import file_sha256

CROP = 224
DIM = 2048
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Mean and standard deviation of ImageNet, RGB in [0, 1]; SPIN uses them too."""

_HEADS = ("fc.", "fc1.", "fc2.", "decpose.", "decshape.", "deccam.", "init_pose", "init_shape", "init_cam")
"""Names in the state dict that belong to torchvision's classifier or SPIN's regressor, which are not loaded."""


@dataclass(frozen=True)
class ResNetConfig:
    """The version of the network and its weights."""

    checkpoint: Path
    version: Literal["v1", "v2"] = "v1"
    device: str = "cpu"
    batch: int = 32


class ResNetPhi:
    """`Phi` from a ResNet-50. CheckpointError names a checkpoint of another network."""

    dim = DIM

    def __init__(self, config: ResNetConfig) -> None:
        self.config = config
        self.name = f"resnet50_{config.version}"
        self._network = load_resnet(config.checkpoint, config.version).to(config.device).eval()
        self.weights: Mapping[str, str] = {config.checkpoint.name: file_sha256(config.checkpoint)}

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 2048) float32, and no 3D."""
        rows = [np.zeros((0, DIM), np.float32)]
        for start in range(0, len(frames), self.config.batch):
            some = range(start, min(start + self.config.batch, len(frames)))
            crops = np.stack([cut(frames[i], boxes_N4[i], CROP) for i in some]).astype(np.float32) / 255
            scaled = (crops - _MEAN) / _DEVIATION if self.config.version == "v1" else 2 * crops - 1
            with torch.inference_mode():
                images = torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy()).to(self.config.device)
                rows.append(self._network(images).cpu().numpy())
        return np.concatenate(rows), None


def load_resnet(checkpoint: Path, version: Literal["v1", "v2"]) -> torch.nn.Module:
    """The network with the checkpoint's weights."""
    if version == "v2":
        second = ResNet50V2()
        fill(second, _v2_tensors(checkpoint), checkpoint, "ResNet-50 v2 (TF-slim's resnet_v2_50)")
        return second
    tensors = {name: value for name, value in load_state_dict(checkpoint).items() if not name.startswith(_HEADS)}
    first = ResNet50V1()
    fill(first, tensors, checkpoint, "ResNet-50 v1 (torchvision's or SPIN's)")
    return first


def _v2_tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    if checkpoint.suffix != ".npz":
        return load_state_dict(checkpoint)
    try:
        with np.load(checkpoint, allow_pickle=False) as variables:
            return from_slim(variables)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{checkpoint}: not an .npz of TensorFlow variables ({error})") from error
