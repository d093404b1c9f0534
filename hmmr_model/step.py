"""One training step, and all that it changes: weights, critics, optimisers, moving average, step number, curves.

The body network learns from its labels and from the pose prior, then the prior learns to tell the network's poses from
real ones. The learning rate, the average's decay and the weight of pseudo-labels are functions of the step.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hmmr_model.configs import LossConfig, OptimiserConfig, TrainConfig
from hmmr_model.data import Batch
from hmmr_model.devices import Group
from hmmr_model.network import HMMR
from hmmr_model.objective import Keypoints, fake_poses, supervised_terms
from hmmr_model.prior import PosePrior, discriminator_loss, generator_loss

EXPLODED = 1e6
"""A loss above this does not come back: the first losses of an untrained network are below 100."""


@dataclass(frozen=True)
class StepResult:
    """Weighted terms by name (detached), and whether the weights were left alone because something is not finite."""

    terms: dict[str, Tensor]
    diverged: bool
    exploded: bool = False
    """Whether it was this process's own loss."""


class Stepper:
    """Runs steps on a state. `forward` is the network's, compiled or not. All processes of the group step together."""

    def __init__(
        self, config: TrainConfig, state: TrainingState, keypoints: Keypoints, real: Tensor, group: Group
    ) -> None:
        self.config, self.state, self.keypoints, self.group = config, state, keypoints, group
        self.real = real.to(config.device)
        self.forward = torch.compile(state.network) if config.compile else state.network

    def __call__(self, batch: Batch) -> StepResult:
        """Do one step on a batch; where the loss of any process is too large or a gradient not finite, no weight of any
        process changes."""
        state, optimiser = self.state, self.config.optimiser
        seed_step(self.config.seed, state.step, self.group.rank)
        state.network.train()
        terms, fake = self.body_gradients(batch)
        parameters = list(state.network.parameters())
        norm = nn.utils.clip_grad_norm_(parameters, optimiser.clip or float("inf"))
        exploded = not bool(torch.stack([t.detach() for t in terms.values()]).sum() < EXPLODED)
        # asked before the prior's message: a process that left alone would answer it with another one
        if self.group.any(exploded or not bool(torch.isfinite(norm))):
            return StepResult({name: value.detach() for name, value in terms.items()}, True, exploded)
        self._move_body()
        if self.config.loss.adversarial:
            terms["prior"] = self._train_prior(fake)
        state.step += 1
        return StepResult({name: value.detach() for name, value in terms.items()}, False)

    def body_gradients(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Compute the body network's gradients, averaged over processes; returns weighted terms and predicted poses."""
        config = self.config.loss
        kind = self.config.device.split(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=self.config.precision == "bf16"):
            strips, guesses = self.forward(batch.phi_BTD, self.state.step % config.auxiliary_every == 0)
        batch = batch.with_pseudo_weight(pseudo_weight(self.state.step, self.config.steps, config))
        terms = supervised_terms(config, strips, guesses, batch, self.keypoints)
        fake = fake_poses(guesses, config.prior_every)
        if config.adversarial:
            self.state.prior.requires_grad_(False)  # its gradients are not used here and cost as much as the rest
            terms["adversarial"] = config.adversarial * generator_loss(self.state.prior(fake))
            self.state.prior.requires_grad_(True)
        self.state.body_optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.group.average_gradients(self.state.network.parameters())
        return terms, fake.detach()

    def _move_body(self) -> None:
        state, optimiser = self.state, self.config.optimiser
        for group in state.body_optimiser.param_groups:
            group["lr"] = optimiser.learning_rate * rate_factor(state.step, self.config.steps, optimiser)
        state.body_optimiser.step()
        state.update_average(average_decay(state.step, optimiser))

    def _train_prior(self, fake: Tensor) -> Tensor:
        """One update of the prior: fake poses against equally many real ones."""
        real = self.real[torch.randint(len(self.real), (len(fake),), device=self.real.device)]
        loss = discriminator_loss(self.state.prior(fake), self.state.prior(real))
        self.state.prior_optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.group.average_gradients(self.state.prior.parameters())
        self.state.prior_optimiser.step()
        return loss


Curves = dict[str, list[list[float]]]
"""Term to [step, value] points."""


class TrainingState:
    """Owns every tensor of a run, and turns them into plain dicts and back for a resume that loses nothing."""

    def __init__(self, config: TrainConfig, phi_dim: int) -> None:
        optimiser = config.optimiser
        torch.manual_seed(config.seed)
        self.network = HMMR(config.model, phi_dim, config.data.turned).to(config.device)
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
        """Restore what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self.prior.load_state_dict(state["prior"])
        self.body_optimiser.load_state_dict(state["body_optimiser"])
        self.prior_optimiser.load_state_dict(state["prior_optimiser"])
        for average, saved in zip(self.average, state["average"], strict=True):
            average.copy_(saved)
        self.step, self.curves = state["step"], state["curves"]

    def record(self, terms: dict[str, float]) -> None:
        """Add a point to every curve at the current step."""
        for name, value in terms.items():
            self.curves.setdefault(name, []).append([self.step, value])

    def _network_dict(self) -> dict[str, Tensor]:
        return nn.Module.state_dict(self.network)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Make the step's dropout and draws a function of seed, step and process: a resumed run repeats them."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Factor on the learning rate at `step` of `steps`: linear warm-up times a half cosine, or warm-up alone."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return warm
    return warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-3


def average_decay(step: int, config: OptimiserConfig) -> float:
    """Decay of the moving average: short at first, so that it does not remember the random start."""
    return min(config.ema, (step + 1) / (step + 10)) if config.ema else 0.0


def pseudo_weight(step: int, steps: int, config: LossConfig) -> float:
    """Weight, 0 to 1, of the pseudo-labelled windows beside the labelled ones.

    0 before `pseudo_start`, 1 from `pseudo_full` on, linear between them; both are shares of all steps.
    """
    if config.pseudo_full <= config.pseudo_start:
        return float(step >= config.pseudo_start * steps)
    return min(1.0, max(0.0, (step / steps - config.pseudo_start) / (config.pseudo_full - config.pseudo_start)))
