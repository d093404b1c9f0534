"""φ of a Vision Transformer through timm. timm needs a torchvision that loads beside torch.

Not tested with a real model: no torchvision of the registries loads beside the CPU build of torch that the project was
developed with. Letters: N crops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harvest.backends.roi import cut
from harvest.weights.safe_checkpoint import fill, load_state_dict
from storage.atomic import file_sha256

_WAY_OUT = "phi `vit` needs timm and a torchvision that fits your torch: pip install timm torchvision"


@dataclass(frozen=True)
class VitConfig:
    """A model name of timm (`vit_base_patch16_224`) and a checkpoint in timm's own layer names."""

    model: str
    checkpoint: Path
    device: str = "cpu"
    batch: int = 32


class VitPhi:
    """`Phi` from timm's pooled features. ImportError says how to install timm."""

    def __init__(self, config: VitConfig) -> None:
        try:
            import timm
        except Exception as error:  # a torchvision that does not fit raises RuntimeError, not ImportError
            raise ImportError(f"{_WAY_OUT} ({error})") from error
        self.config = config
        network: Any = timm.create_model(config.model, pretrained=False, num_classes=0)
        tensors = {n: t for n, t in load_state_dict(config.checkpoint).items() if not n.startswith("head.")}
        fill(network, tensors, config.checkpoint, config.model)
        data = timm.data.resolve_model_data_config(network)
        self._size = int(data["input_size"][1])
        self._mean, self._deviation = (np.array(data[key], np.float32) for key in ("mean", "std"))
        self._network = network.to(config.device).eval()
        self.name = config.model
        self.dim = int(network.num_features)
        self.weights: Mapping[str, str] = {config.checkpoint.name: file_sha256(config.checkpoint)}

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, D) float32, and no 3D."""
        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(frames), self.config.batch):
            some = range(start, min(start + self.config.batch, len(frames)))
            crops = np.stack([cut(frames[i], boxes_N4[i], self._size) for i in some]).astype(np.float32) / 255
            scaled = ((crops - self._mean) / self._deviation).transpose(0, 3, 1, 2)
            with torch.inference_mode():
                rows.append(self._network(torch.from_numpy(scaled.copy()).to(self.config.device)).cpu().numpy())
        return np.concatenate(rows), None
