"""All per-frame values of one tracklet, by the names that the `scores` table uses.

Legend: T frames, J joints, 3 x y z in metres about the root, camera axes.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluation.metrics.joints import auc_3d, better_mirrored, mpjpe, pa_mpjpe, pck_3d, scale_aligned_mpjpe
from evaluation.metrics.motion import acceleration, acceleration_error


def frame_values(pred: Tensor, target: Tensor, mask: Tensor, fps: float | None) -> dict[str, NDArray[np.float64]]:
    """Metric name to (T,) values, (T - 2,) for accelerations. m/s^2 only where the frame rate is known."""
    error_frame2, error_s2 = acceleration_error(pred, target, fps or 1.0, mask)
    own_frame2, own_s2 = acceleration(pred, fps or 1.0, mask)
    values = {
        "mpjpe_mm": mpjpe(pred, target, mask),
        "pa_mpjpe_mm": pa_mpjpe(pred, target, mask),
        "scale_mpjpe_mm": scale_aligned_mpjpe(pred, target, mask),
        "pck_150mm": pck_3d(pred, target, mask),
        "auc_150mm": auc_3d(pred, target, mask),
        "mirrored_share": better_mirrored(pred, target, mask),
        "accel_error_mm_frame2": error_frame2,
        "accel_pred_mm_frame2": own_frame2,
    }
    if fps is not None:
        values |= {"accel_error_m_s2": error_s2, "accel_pred_m_s2": own_s2}
    return {name: torch.as_tensor(value).cpu().numpy() for name, value in values.items()}
