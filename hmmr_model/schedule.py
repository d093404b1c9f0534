"""The learning rate and the moving average's decay, as functions of the step."""

import math

from hmmr_model.configs import OptimiserConfig


def rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Factor on the learning rate at `step` of `steps`: linear warm-up, then a half cosine to zero, or constant."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return warm
    return warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-3


def average_decay(step: int, config: OptimiserConfig) -> float:
    """Decay of the moving average: short at first, so that it does not remember the random start."""
    return min(config.ema, (step + 1) / (step + 10)) if config.ema else 0.0
