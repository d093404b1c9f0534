"""f_3D and the Δ regressors: iterative error feedback from a strip's feature to body parameters.

N samples (frames), C channels of the strip, S numbers of state.
"""

import torch
from torch import Tensor, nn

from hmmr_model.initialise import near_zero, xavier

LAST_FACTOR = 0.01
"""Variance-scaling factor of the last layer (reference/paper.md 1.3): the first guess stays near the start."""


class IterativeRegressor(nn.Module):
    """state <- state + MLP([feature, state]), a few times with the same weights; losses see the last state only.

    f_3D's state is camera (3), pose, shape (10), and starts at a trained mean; a Δ regressor's is the pose alone, and
    starts at the current prediction. Who calls says where it starts.
    """

    def __init__(self, channels: int, state: int, hidden: int, iterations: int, dropout: float) -> None:
        super().__init__()
        self.iterations = iterations
        self.layers = nn.Sequential(
            xavier(nn.Linear(channels + state, hidden)), nn.ReLU(), nn.Dropout(dropout),
            xavier(nn.Linear(hidden, hidden)), nn.ReLU(), nn.Dropout(dropout),
            near_zero(nn.Linear(hidden, state), LAST_FACTOR),
        )  # fmt: skip

    def forward(self, feature_NC: Tensor, start_NS: Tensor) -> Tensor:
        """The last state (N, S)."""
        state_NS = start_NS
        for _ in range(self.iterations):
            state_NS = state_NS + self.layers(torch.cat([feature_NC, state_NS], dim=-1))
        return state_NS
