"""Named sets of thresholds that decide which parts of a track are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from storage.labels.key import added_field


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
    """A shorter run is dropped as too short."""
    max_frames: int | None
    """A run is cut to so many frames; None: never."""
    upper_only_share: float
    """A run is dropped if at least this share of its frames shows no joint below the shoulders."""
    min_motion: float
    """A run is dropped as still if its limbs move less than this, in parts of the person's diagonal; 0: never."""
    bystander_motion: float
    """The same, for somebody beside whom another person moves much more (harvest/filters/two_people.py); 0: never."""
    max_fast: float
    """A run is dropped as implausible if more than this share of its limbs' steps is too fast for a body
    (harvest/filters/one_person.py); 1: never."""
    max_long: float
    """The same, if more than this share of its limbs' bones is longer than they can be; 1: never."""
    every_run: bool
    """Keep every good run of a track; False: only the first."""
    min_posture: float = 0.0
    """A run is dropped as a photograph if the person's posture changes less than this, in parts of the diagonal,
    however the picture moves (harvest/filters/one_person.py); 0: never."""
    cut_joints: int = 2
    """So many limb joints at the picture's border, or beyond it, make a frame in which the person is cut off."""
    max_cut_off: float = 1.0
    """A run is dropped if more than this share of its frames is so; 1: never."""
    frozen_s: float = 0.0
    """A stretch of so many seconds in which the picture stands still is taken out of a run; 0: never."""
    max_together: float = 1.0
    """A run is dropped if in more than this share of its frames somebody else is in the same place
    (harvest/filters/two_people.py); 1: never."""
    limits: tuple[tuple[str, float], ...] = added_field(())
    """Further filters by name (MEASURES in harvest/filters/tracks.py): a run whose measure is above the limit is
    dropped."""
    bystander_posture: float = added_field(0.0)
    """As `bystander_motion`, for the change of posture, which a moving camera does not touch; 0: never."""
    min_observed: int = added_field(0)
    """A run is dropped as too short if the person was observed in fewer frames; the others are gaps (track.py)."""
    min_score: float = added_field(0.0)
    """A run is dropped if the mean score of its limb joints is lower; 0: never."""

    def with_limits(self, limits: Mapping[str, float]) -> "Preset":
        """This preset with further filters; rows say so in its name ("default+too_fast")."""
        if not limits:
            return self
        return replace(self, name="+".join([self.name, *sorted(limits)]), limits=tuple(sorted(limits.items())))


HMMR_2019 = Preset(
    name="hmmr_2019", visible_score=0.1, start_above=6, stop_at=4, median_frames=5, min_frames=40, max_frames=500,
    upper_only_share=0.4, min_motion=0.0, bystander_motion=0.0, max_fast=1.0, max_long=1.0, every_run=False,
)  # fmt: skip
"""The filter of HMMR's released code to the letter (docs/paper.md 3.3), its quirks included."""

DEFAULT = Preset(
    name="default", visible_score=0.3, start_above=6, stop_at=4, median_frames=5, min_frames=20, max_frames=None,
    upper_only_share=0.4, min_motion=0.008, bystander_motion=0.03, max_fast=1.0, max_long=1.0, every_run=True,
    min_posture=0.008, cut_joints=3, max_cut_off=0.25, frozen_s=0.5, bystander_posture=0.015,
    min_observed=10, min_score=0.45,
)  # fmt: skip
"""Every good run of at least one training window (20 frames, docs/paper.md 1.6), except
- posters and statues (0.008: noise of a still picture is below 0.006, the quietest of 36 films is at 0.012);
- bystanders (those of pose2sim's two clips have 0.006 and 0.026, its athlete 0.10);
- photographs that the film pans over or zooms into (three such, followed well: 0.001 to 0.006; 831 tracklets of films
  and of pose2sim: 0.0097 and more);
- pictures that stand still for as long as the longest step inside a shot (label.py's LONGEST_STEP_S);
- people of whom the border cuts off so much that three limb joints lie at it: on films cropped through hips, knees,
  ankles and sides those have an error of 0.09 of the diagonal, whole people 0.028, and none of 60 uncropped films is
  dropped (docs/LOG.md);
- people who were observed in fewer than 10 frames of a run;
- runs whose limb joints have a mean score under 0.45 (a body drawn on a face in the dark has 0.39)."""

STRICT = replace(DEFAULT, name="strict", max_fast=0.01, max_long=0.01, cut_joints=2, max_together=0.25)
"""`default` without runs whose joints jump or whose bones stretch, of people whose feet are cut off, or who share their
place with somebody else. On 62 films it drops 1.8 % of the frames, which have three times the mean error (docs/LOG.md).
It is not the default, since it drops the athlete of pose2sim's first camera, and since a person without feet is a good
example of the other joints."""

PRESETS = {preset.name: preset for preset in (HMMR_2019, DEFAULT, STRICT)}
