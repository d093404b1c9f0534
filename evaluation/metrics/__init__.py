"""Every metric by one name. Tensors (..., J, 3) in metres and an optional mask (..., J); one value a frame out.

The functions align nothing but what their names say; `protocols.registry` says what to align, select and average.
"""

from evaluation.metrics.image import COCO_SIGMAS, box_side, hmmr_kp_pa, hmmr_pck, kp_pa, oks, pck_2d, pixel_error
from evaluation.metrics.joints import (
    auc_3d,
    degenerate,
    joint_errors,
    mirrored_share,
    mpjpe,
    pa_mpjpe,
    pa_pve,
    pck_3d,
    pve,
    root_aligned,
    scale_aligned,
    scale_aligned_mpjpe,
    similarity_aligned,
)
from evaluation.metrics.motion import acceleration, acceleration_error, foot_sliding, jitter

__all__ = [
    "COCO_SIGMAS",
    "acceleration",
    "acceleration_error",
    "auc_3d",
    "box_side",
    "degenerate",
    "foot_sliding",
    "hmmr_kp_pa",
    "hmmr_pck",
    "jitter",
    "joint_errors",
    "kp_pa",
    "mirrored_share",
    "mpjpe",
    "oks",
    "pa_mpjpe",
    "pa_pve",
    "pck_2d",
    "pck_3d",
    "pixel_error",
    "pve",
    "root_aligned",
    "scale_aligned",
    "scale_aligned_mpjpe",
    "similarity_aligned",
]
