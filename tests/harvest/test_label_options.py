"""Sides, smoothing and calibrated scores in the whole of labelling: streamed = whole, and nothing else changes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, LIMBS_12, indices, mirror_permutation
from harvest.calibration import Calibration, NoCalibrationError
from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.label import LabelledVideo, Labeller
from harvest.smooth import SmoothingConfig, smooth_keypoints
from harvest.sources.expand import expand

Paint = Callable[..., np.ndarray]
Film = Callable[..., Path]


def _label(path: Path, backend: object, phi: object, config: LabelConfig | None = None) -> LabelledVideo:
    (source,) = expand([path])
    labeller = Labeller(backend, [phi], config or LabelConfig(), Policy())  # type: ignore[arg-type, list-item]
    return labeller.label(path, source, Verdict("open", {"why": "test"}))


def _joints(labelled: LabelledVideo) -> list[np.ndarray]:
    return [row["keypoints"].reshape(-1, 25, 3) for row in labelled.rows["tracklets"]]


@pytest.fixture
def people(paint: Paint, film: Film) -> Path:
    """90 frames with one person, after 20 frames two."""
    places = [{0: (10 + 3 * n + 2 * np.sin(n), 60), **({1: (280 - 2 * n, 150)} if n > 20 else {})} for n in range(90)]
    return film([paint(each) for each in places])


@pytest.fixture
def exchanging(rectangles: type) -> type:
    """A backend that takes left for right in two of nine frames."""

    class Exchanging(rectangles):  # type: ignore[misc]
        calls = 0

        def pose(self, frames: object, boxes: object, expected: object = None) -> "list[np.ndarray]":
            self.calls += 1
            found = super().pose(frames, boxes)
            mirrored = [poses[:, mirror_permutation(KEYPOINTS_25)] for poses in found]
            return mirrored if self.calls % 9 in (4, 5) else found

    return Exchanging


def test_exchanged_sides_are_put_right(people: Path, rectangles: type, exchanging: type, box_phi: object) -> None:
    limbs = indices(LIMBS_12, KEYPOINTS_25)
    plain, repaired = (_label(people, backend, box_phi) for backend in (rectangles(), exchanging()))
    as_seen = _label(people, exchanging(), box_phi, LabelConfig(sides=None))
    shares = []
    for labelled in (repaired, as_seen):
        pairs = zip(_joints(plain), _joints(labelled), strict=True)
        shares.append([float((a != b)[:, limbs].any(axis=(1, 2)).mean()) for a, b in pairs])
    assert max(shares[0]) == 0
    assert min(shares[1]) > 0.15
    assert plain.label_key != as_seen.label_key


@pytest.mark.parametrize("every", [1, 23, 1000])
def test_which_side_is_which_does_not_depend_on_batches(
    people: Path, exchanging: type, box_phi: object, every: int
) -> None:
    usual, other = (_label(people, exchanging(), box_phi, LabelConfig(phi_every=n)) for n in (16, every))
    for a, b in zip(usual.rows["tracklets"], other.rows["tracklets"], strict=True):
        np.testing.assert_array_equal(a["keypoints"], b["keypoints"])
        np.testing.assert_allclose(a["boxes"], b["boxes"], atol=1e-3)


def test_smoothing_changes_stored_places_alone(people: Path, rectangles: type, box_phi: object) -> None:
    """Streamed labels are the run of raw joints smoothed at once; boxes, φ, runs and rejects stay to the bit."""
    sigma = SmoothingConfig(0.08)
    flickering = [rectangles(lambda call, person: call % 9 == 8) for _ in range(2)]
    raw = _label(people, flickering[0], box_phi)
    smooth = _label(people, flickering[1], box_phi, LabelConfig(smoothing=sigma))
    assert raw.label_key != smooth.label_key
    for a, b, row in zip(_joints(raw), _joints(smooth), raw.rows["tracklets"], strict=True):
        np.testing.assert_array_equal(smooth_keypoints(a, row["observed"], 25.0, sigma), b)
    assert max(np.abs(a - b).max() for a, b in zip(_joints(raw), _joints(smooth), strict=True)) > 0.1
    assert [row["phi"] for row in raw.rows["features"]] == [row["phi"] for row in smooth.rows["features"]]
    for a, b in zip(raw.rows["tracklets"], smooth.rows["tracklets"], strict=True):
        np.testing.assert_array_equal(a["boxes"], b["boxes"])
        assert a["tracklet_id"] != b["tracklet_id"]
    assert len(raw.rows["rejects"]) == len(smooth.rows["rejects"])


def test_calibrated_scores_are_stored_and_thresholds_mean_raw_ones(
    people: Path, rectangles: type, box_phi: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path / "maps"))
    wanted = LabelConfig(scores="calibrated")
    with pytest.raises(NoCalibrationError, match="rectangles"):
        Labeller(rectangles(), [box_phi], wanted, Policy())  # type: ignore[list-item]
    (tmp_path / "maps").mkdir()
    low = Calibration("rectangles", (0.5, 1.0), (0.05, 0.25))
    (tmp_path / "maps" / "calibration-rectangles.json").write_text(low.to_json())
    raw, calibrated = (_label(people, rectangles(), box_phi, each) for each in (LabelConfig(), wanted))
    assert raw.label_key != calibrated.label_key
    for a, b in zip(raw.rows["tracklets"], calibrated.rows["tracklets"], strict=True):
        seen = b["keypoints"].reshape(-1, 25, 3)[b["observed"]]
        np.testing.assert_allclose(seen[..., 2], 0.21, atol=1e-6)
        assert (a["visible_joints"], a["n_frames"]) == (b["visible_joints"], b["n_frames"])
        assert b["mean_score"] == pytest.approx(0.21)
