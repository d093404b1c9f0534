"""ResNet-50 with pre-activation as in TF-slim (resnet_v2_50): the image encoder of HMR and HMMR.

TF-slim's differs from other "v2" ResNets: the last unit of a block has the stride, its shortcut is a
subsampling, the first convolution has a bias and no norm, the pooling pads at the end only. N images.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

STAGES = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Width, units and stride of each block."""
EXPANSION = 4
EPSILON = 1e-5


class Unit(nn.Module):
    """Norm and ReLU, then 1x1, 3x3, 1x1; the shortcut is convolved only where the depth changes."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.stride = stride
        self.preact = nn.BatchNorm2d(channels, EPSILON)
        self.shortcut = nn.Conv2d(channels, out, 1, stride) if channels != out else None
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width, EPSILON)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width, EPSILON)
        self.conv3 = nn.Conv2d(width, out, 1)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """The unit's output, stride times smaller."""
        active = self.preact(x_NCHW).relu()
        around = x_NCHW[:, :, :: self.stride, :: self.stride] if self.shortcut is None else self.shortcut(active)
        y = self.norm1(self.conv1(active)).relu()
        y = self.norm2(self.conv2(y)).relu()
        out: torch.Tensor = self.conv3(y) + around
        return out


class ResNet50V2(nn.Module):
    """Without the classifier: the mean over the last feature map after its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        channels = 64
        for number, (width, units, stride) in enumerate(STAGES, 1):
            block = nn.ModuleDict()
            for unit in range(1, units + 1):
                block[f"unit_{unit}"] = Unit(channels, width, stride if unit == units else 1)
                channels = width * EXPANSION
            self.add_module(f"block{number}", block)
        self.postnorm = nn.BatchNorm2d(channels, EPSILON)

    def forward(self, x_N3HW: torch.Tensor) -> torch.Tensor:
        """(N, 2048) of RGB images in [-1, 1]."""
        x = nn.functional.pad(self.conv1(x_N3HW), (0, 1, 0, 1), value=-torch.inf)
        x = nn.functional.max_pool2d(x, 3, 2)
        for number in range(1, len(STAGES) + 1):
            for unit in self.get_submodule(f"block{number}").children():
                x = unit(x)
        return torch.relu(self.postnorm(x)).mean((2, 3))


_LEAVES = {
    "weights": "weight", "biases": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
    "moving_variance": "running_var",
}  # fmt: skip


def from_slim(variables: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """State dict from TF-slim's variables by name (`.../resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/weights`).

    Names may have a prefix before resnet_v2_50; what is not of the encoder, or of its classifier, is left out.
    """
    tensors = {}
    for name, value in variables.items():
        _, scope, inner = name.partition("resnet_v2_50/")
        parts = inner.removesuffix(":0").split("/")
        if not scope or parts[0] == "logits" or parts[-1] not in _LEAVES:
            continue
        if "BatchNorm" in parts:
            conv = parts.index("BatchNorm") - 1
            parts[conv] = parts[conv].replace("conv", "norm")
        path = [part for part in parts[:-1] if part not in ("bottleneck_v2", "BatchNorm")]
        ordered = value.transpose(3, 2, 0, 1) if parts[-1] == "weights" else value
        tensors[".".join([*path, _LEAVES[parts[-1]]])] = torch.from_numpy(np.ascontiguousarray(ordered, np.float32))
    return tensors
