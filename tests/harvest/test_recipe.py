"""What decides a label is in its key, and nothing else."""

from dataclasses import replace
from fractions import Fraction

from harvest.config import LabelConfig
from harvest.filters.presets import HMMR_2019
from harvest.recipe import recipe
from harvest.smooth import SmoothingConfig


def test_every_setting_that_matters_changes_the_digest(rectangles: type, box_phi: object) -> None:
    plain = LabelConfig()
    changes = [
        replace(plain, preset=HMMR_2019),
        replace(plain, people=replace(plain.people, detect_every=1)),
        replace(plain, decode=replace(plain.decode, max_fps=Fraction(30))),
        replace(plain, shots=replace(plain.shots, cut=0.2)),
        replace(plain, track=replace(plain.track, max_gap_s=1.0)),
        replace(plain, sides=None),
        replace(plain, smoothing=SmoothingConfig()),
        replace(plain, smoothing=SmoothingConfig(0.1)),
    ]
    digests = {recipe(each, rectangles(), [box_phi]).digest for each in [plain, *changes]}  # type: ignore[list-item]
    assert len(digests) == 9
    other = rectangles()
    other.weights = {"net": "sha"}
    assert recipe(plain, other, [box_phi]).digest not in digests  # type: ignore[list-item]
    assert recipe(plain, rectangles(), []).digest not in digests
    assert recipe(replace(plain, phi_every=3), rectangles(), [box_phi]).digest in digests  # type: ignore[list-item]


def test_options_that_are_off_leave_no_trace_in_the_key(rectangles: type, box_phi: object) -> None:
    names = [stage.name for stage in recipe(LabelConfig(), rectangles(), [box_phi]).stages]  # type: ignore[list-item]
    assert names == ["decode", "shots", "people", "track", "sides", "filter", "phi/box"]
    smoothed = recipe(LabelConfig(smoothing=SmoothingConfig()), rectangles(), [box_phi])  # type: ignore[list-item]
    assert [stage.name for stage in smoothed.stages if stage.name not in names] == ["smooth"]
