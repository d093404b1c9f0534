"""f_movie: the temporal encoder, residual convolutions over a window of per-frame features.

B windows, C channels, T frames. GroupNorm's statistics run over time too, so what comes out at one frame depends on
the whole window, and a window at test must be as long as in training (reference/paper.md 8.1).
"""

import torch
from torch import Tensor, nn

from hmmr_model.initialise import near_zero, xavier

NORM_EPS = 1e-6
"""TF contrib group_norm's default (reference/paper.md 1.3)."""
SECOND_CONV_FACTOR = 0.001
"""Variance-scaling factor of each block's second convolution: the encoder starts as the identity."""


class TemporalBlock(nn.Module):
    """GroupNorm, ReLU, convolution, twice, and add: pre-activation, with nothing after the sum."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width, eps=NORM_EPS)
        self.norm2 = nn.GroupNorm(groups, width, eps=NORM_EPS)
        self.conv1 = xavier(nn.Conv1d(width, width, 3, padding=1))
        self.conv2 = near_zero(nn.Conv1d(width, width, 3, padding=1), SECOND_CONV_FACTOR)

    def forward(self, x_BCT: Tensor) -> Tensor:
        """Same shape out."""
        h_BCT = self.conv1(torch.relu(self.norm1(x_BCT)))
        change_BCT: Tensor = self.conv2(torch.relu(self.norm2(h_BCT)))
        return x_BCT + change_BCT


class TemporalEncoder(nn.Module):
    """A stack of blocks; with none it is the single-frame model."""

    def __init__(self, width: int, groups: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TemporalBlock(width, groups) for _ in range(blocks))

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) to the movie strip (B, T, C)."""
        h_BCT = x_BTC.transpose(1, 2)
        for block in self.blocks:
            h_BCT = block(h_BCT)
        return h_BCT.transpose(1, 2)
