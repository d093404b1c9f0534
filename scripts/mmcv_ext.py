"""Stands in for mmcv's compiled operators: `scripts/install_mmlab VENV lite` copies it to mmcv/_ext.py.

`nms` is in PyTorch; every other operator is there by name, as mmcv's import demands, and raises when it is called.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Indices of the boxes (N, 4: x0 y0 x1 y1 px) that are kept, best first. A box drops later ones whose overlap with
    it (IoU) is above the threshold. `offset` 1: a box's last pixel belongs to it."""
    area = (boxes[:, 2] - boxes[:, 0] + offset) * (boxes[:, 3] - boxes[:, 1] + offset)
    order, kept = scores.argsort(descending=True, stable=True), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low, high = torch.maximum(boxes[best, :2], boxes[order, :2]), torch.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (high - low + offset).clamp(min=0).prod(1)
        order = order[shared <= iou_threshold * (area[best] + area[order] - shared)]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.long)


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"this mmcv has no operator {name}: scripts/install_mmlab without `lite` compiles it")

    return missing
