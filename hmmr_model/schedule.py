"""The learning rate, the moving average's decay and the weight of pseudo-labels, as functions of the step."""

import math

from hmmr_model.configs import LossConfig, OptimiserConfig


def rate_factor(step: int, steps: int, config: OptimiserConfig) -> float:
    """Factor on the learning rate at `step` of `steps`: linear warm-up, then a half cosine to zero, or constant."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return warm
    return warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-3


def average_decay(step: int, config: OptimiserConfig) -> float:
    """Decay of the moving average: short at first, so that it does not remember the random start."""
    return min(config.ema, (step + 1) / (step + 10)) if config.ema else 0.0


def pseudo_weight(step: int, steps: int, config: LossConfig) -> float:
    """Weight, 0 to 1, of the pseudo-labelled windows beside the labelled ones: a straight line between two steps."""
    if config.pseudo_full <= config.pseudo_start:
        return float(step >= config.pseudo_start * steps)
    return min(1.0, max(0.0, (step / steps - config.pseudo_start) / (config.pseudo_full - config.pseudo_start)))
