"""Weight initialisers as the released code has them (reference/paper.md 1.3, row "init")."""

import math

from torch import Tensor, nn


def xavier(layer: nn.Linear | nn.Conv1d) -> nn.Linear | nn.Conv1d:
    """Glorot uniform weights and zero bias: what TF-slim gives to a layer that asks for nothing."""
    nn.init.xavier_uniform_(layer.weight)
    _zero(layer.bias)
    return layer


def near_zero(layer: nn.Linear | nn.Conv1d, factor: float) -> nn.Linear | nn.Conv1d:
    """TF's variance scaling, FAN_AVG, uniform: U(-l, l) with l = sqrt(3 factor / mean(fan_in, fan_out)); zero bias."""
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
    limit = math.sqrt(3.0 * factor / ((fan_in + fan_out) / 2))
    nn.init.uniform_(layer.weight, -limit, limit)
    _zero(layer.bias)
    return layer


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)
