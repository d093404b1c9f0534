"""HMMR: φ to movie strip to body, now, in the past and in the future, seen and hallucinated.

B windows, T frames, D numbers of φ, C channels of the strip, P pose numbers.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hmmr_model.configs import ModelConfig
from hmmr_model.encoder import TemporalEncoder
from hmmr_model.hallucinator import Hallucinator
from hmmr_model.initialise import xavier
from hmmr_model.pose_form import mean_pose, pose_numbers, pose_to_matrices
from hmmr_model.regressor import IterativeRegressor
from hmmr_model.standardise import Standardise

BETAS = 10
MEAN_CAMERA = (0.9, 0.0, 0.0)
"""Scale and shift that the regressor starts from (reference/paper.md 1.3)."""


class Head(NamedTuple):
    """Which prediction: from the strip that was seen or the hallucinated one, and how many frames away."""

    hallucinated: bool
    delta: int

    @property
    def name(self) -> str:
        """Such as `now`, `future5`, `hallucinated_past5`."""
        when = "now" if self.delta == 0 else f"{'past' if self.delta < 0 else 'future'}{abs(self.delta)}"
        return f"hallucinated_{when}" if self.hallucinated else when


class BodyGuess(NamedTuple):
    """One head's answer. A Δ head's shape is the current one's; its camera is None, since none is predicted."""

    rotations_BTJ33: Tensor
    betas_BTK: Tensor
    camera_BT3: Tensor | None


class Strips(NamedTuple):
    """The movie strip, and the one guessed from single frames where the model has that branch."""

    seen_BTC: Tensor
    hallucinated_BTC: Tensor | None


class HMMR(nn.Module):
    """The whole network. `phi_dim` is D; a preset without projection needs width = D."""

    mean: nn.Parameter

    def __init__(self, config: ModelConfig, phi_dim: int) -> None:
        super().__init__()
        if not config.projection and config.width != phi_dim:
            raise ValueError(f"without a projection the width is φ's: φ has {phi_dim} numbers, width is {config.width}")
        self.config, width = config, config.width
        pose = pose_numbers(config.pose_form)
        self.input = Standardise(phi_dim, config.phi_clamp, config.input_dropout, config.standardise)
        self.stem = _projection(phi_dim, width) if config.projection else nn.Identity()
        self.encoder = TemporalEncoder(width, config.groups, config.blocks)
        self.hallucinator = Hallucinator(width, config.hallucinator_layers) if config.hallucinate else None
        self.regressor = _regressor(config, 3 + pose + BETAS)
        self.delta_regressors = nn.ModuleDict({_delta_key(d): _regressor(config, pose) for d in config.deltas})
        start = [torch.tensor(MEAN_CAMERA), mean_pose(config.pose_form), torch.zeros(BETAS)]
        self.mean = nn.Parameter(torch.cat(start))

    def strips(self, phi_BTD: Tensor, hallucinate: bool = True) -> Strips:
        """Standardised φ through the encoder, and through the hallucinator."""
        x_BTC = self.stem(self.input(phi_BTD))
        guessed = self.hallucinator(x_BTC) if self.hallucinator is not None and hallucinate else None
        return Strips(self.encoder(self._with_blanks(x_BTC)), guessed)

    def _with_blanks(self, x_BTC: Tensor) -> Tensor:
        """In training some frames are blanked, for the encoder alone: only it has neighbours to tell them from."""
        share = self.config.frame_dropout if self.training and self.config.blocks else 0.0
        return x_BTC * (torch.rand(*x_BTC.shape[:2], 1, device=x_BTC.device) >= share) if share else x_BTC

    def heads(self, strip_BTC: Tensor, hallucinated: bool, deltas: bool = True) -> dict[Head, BodyGuess]:
        """All predictions from one strip: the current body, and the poses `deltas` frames away."""
        form = self.config.pose_form
        state = self.regressor(strip_BTC, self.mean.expand(*strip_BTC.shape[:2], -1)).float()
        camera_BT3, pose_BTP, betas_BTK = state.split([3, pose_numbers(form), BETAS], dim=-1)
        guesses = {Head(hallucinated, 0): BodyGuess(pose_to_matrices(pose_BTP, form), betas_BTK, camera_BT3)}
        for delta in self.config.deltas if deltas else ():
            # The start is not detached: the Δ losses also teach the current pose (reference/paper.md 8.9).
            moved_BTP = self.delta_regressors[_delta_key(delta)](strip_BTC, pose_BTP)
            guesses[Head(hallucinated, delta)] = BodyGuess(pose_to_matrices(moved_BTP, form), betas_BTK, None)
        return guesses

    def forward(self, phi_BTD: Tensor, auxiliary: bool = True) -> tuple[Strips, dict[Head, BodyGuess]]:
        """Both strips and every head's answer; without `auxiliary`, the seen strip and the current body alone."""
        strips = self.strips(phi_BTD, auxiliary)
        guesses = self.heads(strips.seen_BTC, False, auxiliary)
        if strips.hallucinated_BTC is not None:
            guesses |= self.heads(strips.hallucinated_BTC, True)
        return strips, guesses


def _projection(phi_dim: int, width: int) -> nn.Sequential:
    return nn.Sequential(xavier(nn.Linear(phi_dim, width)), nn.ReLU(), xavier(nn.Linear(width, width)))


def _regressor(config: ModelConfig, state: int) -> IterativeRegressor:
    return IterativeRegressor(config.width, state, config.regressor_width, config.iterations, config.dropout)


def _delta_key(delta: int) -> str:
    return f"past{-delta}" if delta < 0 else f"future{delta}"
