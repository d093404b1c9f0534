"""φ as the network takes it: standardised by the training set, clamped, with entries dropped in training.

B windows, T frames, D numbers of φ.
"""

import torch
from torch import Tensor, nn

MIN_STD = 1e-3
"""Entries of φ that hardly vary are divided by this instead: a dead unit must not become pure noise."""


class Standardise(nn.Module):
    """Holds the statistics as buffers, so that a checkpoint carries them and no φ is scaled twice."""

    mean_D: Tensor
    std_D: Tensor

    def __init__(self, dim: int, clamp: float, dropout: float, enabled: bool) -> None:
        super().__init__()
        self.clamp, self.enabled = clamp, enabled
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("std_D", torch.ones(dim))

    def fit(self, mean_D: Tensor, std_D: Tensor) -> None:
        """Take the training set's mean and standard deviation."""
        self.mean_D.copy_(mean_D)
        self.std_D.copy_(std_D.clamp_min(MIN_STD))

    def forward(self, phi_BTD: Tensor) -> Tensor:
        """Any float type in, float32 out, same shape."""
        x_BTD = phi_BTD.float()
        if self.enabled:
            x_BTD = ((x_BTD - self.mean_D) / self.std_D).clamp(-self.clamp, self.clamp)
        dropped: Tensor = self.dropout(x_BTD)
        return dropped
