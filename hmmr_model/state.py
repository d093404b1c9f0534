"""All that changes while training: weights, critics, optimisers, moving average, step, curves."""

from typing import Any

import torch
from torch import Tensor, nn

from hmmr_model.configs import TrainConfig
from hmmr_model.network import HMMR
from hmmr_model.prior import PosePrior

Curves = dict[str, list[list[float]]]
"""Term to [step, value] points."""


class TrainingState:
    """Owns every tensor of a run, and turns them into plain dicts and back for a resume that loses nothing."""

    def __init__(self, config: TrainConfig, phi_dim: int) -> None:
        optimiser = config.optimiser
        torch.manual_seed(config.seed)
        self.network = HMMR(config.model, phi_dim).to(config.device)
        self.prior = PosePrior(config.loss.prior_hidden).to(config.device)
        # fused: one kernel for all weights; at this size the loop over them costs as much as the network.
        self.body_optimiser = torch.optim.AdamW(
            self.network.parameters(), optimiser.learning_rate, weight_decay=optimiser.weight_decay, fused=True
        )
        self.prior_optimiser = torch.optim.Adam(
            self.prior.parameters(), optimiser.discriminator_rate, betas=optimiser.discriminator_betas, fused=True
        )
        self.average = [p.detach().clone() for p in self.network.parameters()]
        self.step = 0
        self.curves: Curves = {}

    def update_average(self, decay: float) -> None:
        """Move the average towards the weights."""
        torch._foreach_lerp_(self.average, [p.detach() for p in self.network.parameters()], 1.0 - decay)

    def result_weights(self) -> dict[str, Tensor]:
        """What a checkpoint keeps: the averaged weights, and the statistics of φ."""
        names = [name for name, _ in self.network.named_parameters()]
        averaged = dict(zip(names, self.average, strict=True))
        return {name: averaged.get(name, value).detach().cpu().clone() for name, value in self._network_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything, as tensors and numbers."""
        return {
            "network": self._network_dict(), "prior": self.prior.state_dict(), "average": self.average,
            "body_optimiser": self.body_optimiser.state_dict(), "prior_optimiser": self.prior_optimiser.state_dict(),
            "step": self.step, "curves": self.curves,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self.prior.load_state_dict(state["prior"])
        self.body_optimiser.load_state_dict(state["body_optimiser"])
        self.prior_optimiser.load_state_dict(state["prior_optimiser"])
        for mine, saved in zip(self.average, state["average"], strict=True):
            mine.copy_(saved)
        self.step, self.curves = state["step"], state["curves"]

    def record(self, terms: dict[str, float]) -> None:
        """Add a point to every curve at the current step."""
        for name, value in terms.items():
            self.curves.setdefault(name, []).append([self.step, value])

    def _network_dict(self) -> dict[str, Tensor]:
        return nn.Module.state_dict(self.network)
