"""The factorised pose prior: a critic a joint and one for the whole pose (reference/paper.md 2.1).

N poses of 23 body joints (the root is the camera's business), as rotation matrices.
"""

import torch
from torch import Tensor, nn

from hmmr_model.initialise import xavier

BODY_JOINTS = 23
SHARED = 32
"""Channels of the shared per-joint layers (9 -> 32 -> 32)."""


class PosePrior(nn.Module):
    """24 scores a pose, without a sigmoid: near 1 for real, near 0 for made up. No shape critic (paper.md 8.13)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            xavier(nn.Linear(9, SHARED)), nn.ReLU(),
            xavier(nn.Linear(SHARED, SHARED)), nn.ReLU(),
        )  # fmt: skip
        self.joint_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(BODY_JOINTS, SHARED)))
        self.joint_bias = nn.Parameter(torch.zeros(BODY_JOINTS))
        self.whole = nn.Sequential(
            xavier(nn.Linear(BODY_JOINTS * SHARED, hidden)), nn.ReLU(),
            xavier(nn.Linear(hidden, hidden)), nn.ReLU(),
            xavier(nn.Linear(hidden, 1)),
        )  # fmt: skip

    def forward(self, rotations: Tensor) -> Tensor:
        """(N, 24, 3, 3) to scores (N, 24): 23 joints, then the pose."""
        h_NJC = self.shared(rotations[:, 1:].flatten(2))
        joints_NJ = (h_NJC * self.joint_weight).sum(dim=-1) + self.joint_bias
        return torch.cat([joints_NJ, self.whole(h_NJC.flatten(1))], dim=1)


def fooling_loss(scores: Tensor) -> Tensor:
    """What the body network pays: LSGAN, summed over the 24 scores before the mean over poses."""
    return (scores - 1.0).square().sum(dim=1).mean()


def telling_loss(fake: Tensor, real: Tensor) -> Tensor:
    """What the prior pays: made-up poses to 0, equally many real ones to 1."""
    return fake.square().sum(dim=1).mean() + (real - 1.0).square().sum(dim=1).mean()
