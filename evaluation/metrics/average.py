"""From values a frame to one number, both ways, with every frame accounted for.

HMMR averages within a sequence and then over sequences (macro); later papers pool frames (micro). On sequences of
unequal length the two differ by tens of millimetres (docs/hazards.md 12), so both are always given.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from evaluation.metrics.inputs import Array, working


@dataclass(frozen=True)
class Average:
    """Both means of one metric, in its unit, and what they are over."""

    macro: float
    """Mean over sequences of each sequence's mean; NaN where no sequence has a value."""
    micro: float
    """Mean over all frames."""
    n_frames: int
    """Frames with a value."""
    n_nan: int
    """Frames without one: failed, degenerate or empty. Counted here, never dropped in silence."""
    n_sequences: int
    """Sequences with at least one value."""
    n_empty: int
    """Sequences without any."""


def average(sequences: Iterable[Array]) -> Average:
    """Macro and micro mean of per-frame values, one array (T,) a sequence. The order of sequences changes nothing."""
    values = [working(sequence).flatten() for sequence in sequences]
    finite = [value[torch.isfinite(value)] for value in values]
    filled = [value for value in finite if len(value)]
    pooled = torch.cat(filled) if filled else torch.empty(0, dtype=torch.float64)
    means = torch.stack([value.mean() for value in filled]) if filled else pooled
    return Average(
        macro=_exact_mean(means.tolist()),
        micro=_exact_mean(pooled.tolist()),
        n_frames=len(pooled),
        n_nan=sum(len(value) for value in values) - len(pooled),
        n_sequences=len(filled),
        n_empty=len(values) - len(filled),
    )


def _exact_mean(values: list[float]) -> float:
    """Mean with an exactly rounded sum, so that permuting the sequences cannot change a digit."""
    return math.fsum(values) / len(values) if values else float("nan")
