"""Each filter by itself: presets that keep everything but for what one filter refuses."""

from dataclasses import replace
from typing import Any

from harvest.filters.presets import DEFAULT, HMMR_2019, STRICT, Preset

EVERYTHING = Preset(
    "none", DEFAULT.visible_score, start_above=-1, stop_at=-1, median_frames=DEFAULT.median_frames, min_frames=1,
    max_frames=None, upper_only_share=2.0, min_motion=0.0, bystander_motion=0.0, max_fast=1.0, max_long=1.0,
    every_run=True,
)  # fmt: skip
"""Keeps all: what is not named here is off unless a preset names it."""


def filters() -> dict[str, Preset]:
    """The filters one by one as a preset has them, then whole presets."""
    alone: dict[str, dict[str, Any]] = {
        "20 frames at least": {"min_frames": DEFAULT.min_frames},
        "7 visible joints at least": {"start_above": DEFAULT.start_above, "stop_at": DEFAULT.stop_at},
        "upper body only": {"upper_only_share": DEFAULT.upper_only_share},
        "still": {"min_motion": DEFAULT.min_motion},
        "photograph": {"min_posture": DEFAULT.min_posture},
        "bystander": {"bystander_motion": DEFAULT.bystander_motion},
        "cut off by the border, 3 joints": {"max_cut_off": DEFAULT.max_cut_off, "cut_joints": DEFAULT.cut_joints},
        "cut off by the border, 2 joints": {"max_cut_off": STRICT.max_cut_off, "cut_joints": STRICT.cut_joints},
        "frozen picture": {"frozen_s": DEFAULT.frozen_s},
        "two people in one place": {"max_together": STRICT.max_together},
        "too fast": {"max_fast": STRICT.max_fast},
        "bones too long": {"max_long": STRICT.max_long},
    }
    presets = {name: replace(EVERYTHING, name="alone", **fields) for name, fields in alone.items()}
    return presets | {f"preset {preset.name}": preset for preset in (DEFAULT, STRICT, HMMR_2019)}
