"""How many joints are near enough in 3D: PCK at one distance, and the area under its curve.

Legend: ... any leading axes, J joints, 3 x y z in metres.
"""

import torch
from torch import Tensor

from evaluation.metrics.inputs import Array, masked_mean, visible
from evaluation.metrics_distance import joint_errors

PCK_3D_MM = 150.0
"""Mehta et al. 2017 (MPI-INF-3DHP): half the size of a head."""

PCK_3DPW_MM = 50.0
"""The 3DPW challenge's evaluation code; inclusive as here, over 12 joints of the 24 (conventions.md 2)."""

AUC_3D_STEPS = 31
"""Thresholds 0, 5, ..., 150 mm: the MPI-INF-3DHP evaluation code."""


def pck_3d(pred: Array, target: Array, mask: Array | None = None, *, threshold_mm: float = PCK_3D_MM) -> Tensor:
    """Share of the joints that count, (...) in 0 to 1, within `threshold_mm` (inclusive). NaN errors make it NaN."""
    errors = joint_errors(pred, target)
    return _share_within(errors, visible(errors[..., None], mask), threshold_mm)


def auc_3d(
    pred: Array, target: Array, mask: Array | None = None, *, up_to_mm: float = PCK_3D_MM, steps: int = AUC_3D_STEPS
) -> Tensor:
    """Mean of PCK over `steps` thresholds from 0 to `up_to_mm`, both ends included: (...) in 0 to 1.

    A joint with error e passes the thresholds from ceil(e / step) on, so no threshold is looped over.
    """
    errors = joint_errors(pred, target)
    step = up_to_mm / (steps - 1)
    passed = (steps - torch.ceil(errors / step)).clamp(min=0) / steps
    return masked_mean(passed, visible(errors[..., None], mask))


def _share_within(errors: Tensor, mask: Tensor | None, threshold: float) -> Tensor:
    hits = torch.where(torch.isnan(errors), errors, (errors <= threshold).to(errors.dtype))
    return masked_mean(hits, mask)
