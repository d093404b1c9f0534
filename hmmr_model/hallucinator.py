"""h: guesses the movie strip of one frame from that frame's feature alone (reference/paper.md 1.3).

B windows, T frames, C channels.
"""

from torch import Tensor, nn

from hmmr_model.initialise import near_zero, xavier

LAST_FACTOR = 0.001
"""Variance-scaling factor of the last layer: the guess starts as the feature itself."""


class Hallucinator(nn.Module):
    """Layers of the strip's width, added to the feature: three as in the released code, where the text says two."""

    def __init__(self, width: int, layers: int = 3) -> None:
        super().__init__()
        hidden = [part for _ in range(layers - 1) for part in (xavier(nn.Linear(width, width)), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, near_zero(nn.Linear(width, width), LAST_FACTOR))

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Frame by frame: no frame sees another."""
        guessed: Tensor = x_BTC + self.layers(x_BTC)
        return guessed
