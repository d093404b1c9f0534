"""Hours, metrics and ids as people read them."""

from datetime import datetime

METRIC_NAMES: dict[str, str] = {
    "mpjpe_mm": "MPJPE (mm)",
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "accel_error_mm_frame2": "acceleration error (mm/frame²)",
    "mirrored_share": "frames better when mirrored in depth (share)",
    "pve_mm": "PVE (mm)",
}

METRIC_ORDER: tuple[str, ...] = tuple(METRIC_NAMES)
"""Reading order of tables; the curve opens on PA-MPJPE."""

VARIANT_NAMES: dict[str, str] = {
    "semi": "HMMR with pseudo-labelled film",
    "ceiling": "supervised ceiling: the same films with true 3D",
    "perfect_2d": "the same films with perfect 2D",
    "single_frame": "single frame, no temporal encoder",
    "mean_pose": "mean pose",
    "ridge": "ridge regression from φ",
    "zero_shot": "the 2D network's own 3D (zero-shot)",
    "no_film_best_step": "no film, at its own best step",
    "reprojected": "labelled 3D through random cameras",
}


def hours_text(hours: float) -> str:
    """0.05 -> '3 min', 2.5 -> '2.5 h'."""
    if hours <= 0:
        return "0"
    if hours < 1 / 60:
        return f"{hours * 3600:.3g} s"
    if hours < 1:
        return f"{hours * 60:.3g} min"
    return f"{hours:.3g} h"


def metric_name(metric: str) -> str:
    """The metric's name with its unit; an unknown one as it is."""
    return METRIC_NAMES.get(metric, metric)


def metric_rank(metric: str) -> tuple[int, str]:
    """Sort key: known metrics in reading order, others after them by name."""
    return (METRIC_ORDER.index(metric) if metric in METRIC_NAMES else len(METRIC_ORDER), metric)


def variant_name(variant: str) -> str:
    """The variant in words; an unknown one as it is."""
    return VARIANT_NAMES.get(variant, variant)


def share_text(share: float | None) -> str:
    """0.523 -> '52 %'; None where it is not defined."""
    return "not defined" if share is None else f"{share * 100:.0f} %"


def when(moment: datetime | None) -> str:
    """A moment to the minute."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def short(digest: str | None, length: int = 12) -> str:
    """The start of a long id."""
    return (digest or "")[:length]


def clipped(text: str, length: int = 22) -> str:
    """The text, cut where it would take a chart's room; tables have it whole."""
    return text if len(text) <= length else text[: length - 1] + "…"
