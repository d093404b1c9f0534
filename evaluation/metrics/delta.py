"""Errors of predicted past and future: what a head said at time t about time t + delta, held against the truth there.

Legend: T frames, J joints, 3 x y z in metres.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from evaluation.metrics.inputs import Array, visible, working
from evaluation.metrics.joints import mpjpe


def delta_errors(
    pred: Mapping[int, Array],
    target: Array,
    mask: Array | None = None,
    *,
    metric: Callable[[Array, Array, Array | None], Tensor] = mpjpe,
) -> dict[int, Tensor]:
    """For each delta in frames, (T,) mm: `pred[delta][t]` (T, J, 3) against `target[t + delta]` under `metric`.

    Frames whose t + delta lies outside the sequence have no truth and are NaN, so that every answer has T entries
    and nothing shifts. Delta 0 is the present.
    """
    truth = working(target)
    counts = visible(truth, mask)
    return {delta: _one(working(points), truth, counts, delta, metric) for delta, points in pred.items()}


def _one(
    points: Tensor,
    truth: Tensor,
    counts: Tensor | None,
    delta: int,
    metric: Callable[[Array, Array, Array | None], Tensor],
) -> Tensor:
    if points.shape != truth.shape:
        raise ValueError(f"delta {delta}: prediction {tuple(points.shape)} and target {tuple(truth.shape)} differ")
    length = len(truth)
    errors = truth.new_full((length,), torch.nan)
    said = slice(max(0, -delta), max(0, length - max(0, delta)))
    meant = slice(max(0, delta), max(0, length - max(0, -delta)))
    errors[said] = metric(points[said], truth[meant], None if counts is None else counts[meant])
    return errors
