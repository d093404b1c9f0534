"""ResNet-50 (He et al., CVPR 2016) with the layer names of torchvision and SPIN.

Written here because torchvision does not load beside the CPU build of torch. Letters: N images, C channels, H height, W
width.
"""

from collections import OrderedDict

import torch
from torch import nn

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Width, blocks and stride of each stage."""
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as torchvision has it), 1x1, each with batch norm; a shortcut around them."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """The block's output, stride times smaller."""
        y = self.bn1(self.conv1(x_NCHW)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y))
        shortcut = x_NCHW if self.downsample is None else self.downsample(x_NCHW)
        return torch.relu(y + shortcut)


class ResNet50V1(nn.Module):
    """Without the classifier: the mean over the last feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, (width, blocks, stride) in enumerate(STAGES, 1):
            named = OrderedDict[str, nn.Module]()
            for block in range(blocks):
                named[str(block)] = Bottleneck(channels, width, stride if block == 0 else 1)
                channels = width * EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(named))

    def forward(self, x_N3HW: torch.Tensor) -> torch.Tensor:
        """(N, 2048) of RGB images normalised with ImageNet's mean and deviation."""
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x_N3HW)).relu(), 3, 2, 1)
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean((2, 3))
