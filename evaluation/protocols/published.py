"""Rows that others published, each under the one protocol that its authors used (docs/paper.md 4.3).

A number that was only quoted in a later paper under another evaluation is not here: rows of different protocols are
not printed beside each other.
"""

from evaluation.protocols.definition import Published

HMMR = (
    Published("HMMR, the paper", "3dpw", {"mpjpe_mm": 116.5, "pa_mpjpe_mm": 72.6}, "CVPR 2019, headline"),
    Published(
        "HMMR, released checkpoint",
        "3dpw",
        {"mpjpe_mm": 116.88, "pa_mpjpe_mm": 72.66, "accel_pred_mm_frame2": 15.32},
        "human_dynamics, doc/eval.md",
    ),
    Published(
        "HMMR without MoSh",
        "3dpw",
        {"mpjpe_mm": 128.03, "pa_mpjpe_mm": 77.31, "accel_pred_mm_frame2": 16.35},
        "human_dynamics, doc/eval.md",
    ),
    Published("HMMR, the paper", "h36m", {"mpjpe_mm": 83.7, "pa_mpjpe_mm": 56.9}, "CVPR 2019, headline"),
    Published(
        "HMMR without MoSh",
        "h36m",
        {"mpjpe_mm": 88.95, "pa_mpjpe_mm": 59.39, "accel_pred_mm_frame2": 8.51},
        "human_dynamics, doc/eval.md",
    ),
)

SPIN = (Published("SPIN", "3dpw", {"pa_mpjpe_mm": 59.2}, "ICCV 2019, headline"),)

VIBE = (
    Published(
        "VIBE, not trained on 3DPW",
        "3dpw",
        {"mpjpe_mm": 93.6, "pa_mpjpe_mm": 56.6, "accel_pred_mm_frame2": 27.1, "accel_error_mm_frame2": 28.0},
        "VIBE, doc/eval.md",
    ),
    Published(
        "SPIN by VIBE's evaluation",
        "3dpw",
        {"mpjpe_mm": 102.4, "pa_mpjpe_mm": 60.1, "accel_pred_mm_frame2": 29.95},
        "VIBE, doc/eval.md",
    ),
)
