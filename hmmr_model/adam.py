"""Minimises a function with Adam (Kingma and Ba, ICLR 2015) at a learning rate that falls as a cosine from its start to
zero (Loshchilov and Hutter, ICLR 2017). The result equals that of torch.optim.Adam with CosineAnnealingLR to the bit.

Making any optimiser of torch.optim imports torch's compiler, which takes more than a second: a third of the time in
which `hmmr predict` shows its first body.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""Decay of the two moments, and what is added to the denominator: the paper's, and torch's."""


def minimise(energy: Callable[[], Tensor], leaves: Sequence[Tensor], learning_rate: float, steps: int) -> None:
    """Changes `leaves`, float tensors of any shape, in place, to lower the scalar that `energy` computes from them.

    After it the leaves require no gradient and have none.
    """
    moments = [(torch.zeros_like(leaf), torch.zeros_like(leaf)) for leaf in leaves]
    rate = learning_rate
    for leaf in leaves:
        leaf.requires_grad_()
    for step in range(1, steps + 1):
        gradients = torch.autograd.grad(energy(), leaves, allow_unused=True)
        with torch.no_grad():
            for leaf, gradient, (mean, square) in zip(leaves, gradients, moments, strict=True):
                if gradient is not None:
                    _update(leaf, gradient, mean, square, rate, step)
        # from rate to rate, as torch's schedule computes it: a closed form rounds otherwise
        rate *= (1 + math.cos(math.pi * step / steps)) / (1 + math.cos(math.pi * (step - 1) / steps))
    for leaf in leaves:
        leaf.requires_grad_(False)


def _update(leaf: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rate: float, step: int) -> None:
    mean.lerp_(gradient, 1 - BETA_1)
    square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
    denominator = (square.sqrt() / (1 - BETA_2**step) ** 0.5).add_(EPSILON)
    leaf.addcdiv_(mean, denominator, value=-rate / (1 - BETA_1**step))
