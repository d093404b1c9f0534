"""Which parts of a track are kept: the numbers of each preset."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Preset:
    """Thresholds of the track filters. A joint is visible if its score is at least `visible_score`."""

    name: str
    visible_score: float
    start_above: int
    """A run starts at a frame with more visible joints than this."""
    stop_at: int
    """It ends before the first frame with this many or fewer."""
    median_frames: int
    """Visible joints are counted through a median filter of this length."""
    min_frames: int
    max_frames: int | None
    upper_only_share: float
    """A run is dropped if at least this share of its frames shows no joint below the shoulders."""
    min_motion: float
    """A run is dropped as still if its limbs move less than this, in parts of the person's diagonal; 0: never."""
    bystander_motion: float
    """The same, for somebody beside whom another person moves much more (harvest/bystanders.py); 0: never."""
    max_fast: float
    """A run is dropped as implausible if more than this share of its limbs' steps is too fast for a body
    (harvest/plausible.py); 1: never."""
    max_long: float
    """The same, if more than this share of its limbs' bones is longer than they can be; 1: never."""
    every_run: bool
    """Keep every good run of a track; False: only the first."""


HMMR_2019 = Preset("hmmr_2019", 0.1, 6, 4, 5, 40, 500, 0.4, 0.0, 0.0, 1.0, 1.0, every_run=False)
"""The paper's released code to the letter (reference/paper.md 3.3), its quirks included."""

DEFAULT = Preset("default", 0.3, 6, 4, 5, 20, None, 0.4, 0.008, 0.03, 1.0, 1.0, every_run=True)
"""Every good run of at least one training window (T = 20, paper.md 1.6), but for posters and statues (0.008: noise of
a still picture is below 0.006, the quietest of 36 films is at 0.012) and for bystanders (those of pose2sim's two clips
have 0.006 and 0.026, its athlete 0.10)."""

STRICT = replace(DEFAULT, name="strict", max_fast=0.01, max_long=0.01)
"""`default` without runs whose joints jump or whose bones stretch. On 62 films it drops 1.8 % of the frames, with three
times the mean error (docs/results/labels.md); of real video it drops the athlete of pose2sim's first camera, whose feet
the frame cuts off, so it is not the default."""

PRESETS = {preset.name: preset for preset in (HMMR_2019, DEFAULT, STRICT)}
