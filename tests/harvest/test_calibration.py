"""The map from scores to chances: against a known truth, against sklearn's definition, and in wrong files."""

import json
from pathlib import Path

import numpy as np
import pytest

from harvest.calibration import Calibration, NoCalibrationError, calibration_error, calibration_of, fit

KNOWN = Calibration("net", (0.1, 0.5, 0.9), (0.4, 0.8, 1.0), {"net.onnx": "abc"})


def test_the_fit_finds_a_known_curve() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 40_000)
    right = rng.random(40_000) < 0.3 + 0.6 * scores**2
    knots, chances = fit(scores, right)
    assert (np.diff(chances) >= 0).all()
    np.testing.assert_allclose(chances, 0.3 + 0.6 * knots**2, atol=0.06)
    fitted = Calibration("net", tuple(knots), tuple(chances))
    assert calibration_error(scores, right) > 0.1
    assert calibration_error(fitted.apply(scores), right) < 0.015


def test_a_falling_curve_becomes_one_chance() -> None:
    scores = np.linspace(0, 1, 1000)
    right = np.arange(1000) % 10 >= np.where(scores > 0.5, 8, 2)
    assert np.ptp(fit(scores, right)[1]) < 0.05
    with pytest.raises(ValueError, match="all scores are the same"):
        fit(np.full(100, 0.5), np.ones(100, bool))


def test_calibration_error_of_hand_made_bands() -> None:
    chances = np.array([0.9] * 10 + [0.1] * 10)
    right = np.array([True] * 5 + [False] * 5 + [True] + [False] * 9)
    assert calibration_error(chances, right) == pytest.approx(0.2)


def test_apply_is_straight_between_knots_and_keeps_zero() -> None:
    scores = np.array([[0.0, 0.05, 0.1], [0.3, 0.7, 1.0]], np.float32)
    np.testing.assert_allclose(KNOWN.apply(scores), [[0, 0.4, 0.4], [0.6, 0.9, 1.0]], rtol=1e-6)
    assert KNOWN.apply(scores).dtype == np.float32


def test_the_shipped_map_fits_the_embedded_weights() -> None:
    from harvest.weights.files import BLAZEPOSE, NANODET

    shipped = Calibration.load("embedded", {w.name: w.sha256 for w in (NANODET, BLAZEPOSE)})
    told = shipped.fitted
    assert told["calibrated"]["calibration_error"] < told["raw"]["calibration_error"]
    assert 0.5 < shipped.apply(np.array([0.05]))[0] < shipped.apply(np.array([0.99]))[0] <= 1


def test_a_backend_without_a_map_is_told_of_the_command(
    rectangles: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path))
    with pytest.raises(NoCalibrationError, match=r"rectangles.*fit_calibration.py FILMS --backend rectangles --out"):
        calibration_of(rectangles())
    mine = Calibration("rectangles", (0.0, 1.0), (0.2, 0.9), {"net": "other"})
    (tmp_path / "calibration-rectangles.json").write_text(mine.to_json())
    with pytest.raises(NoCalibrationError, match="with other weights"):
        calibration_of(rectangles())
    assert Calibration.load("rectangles") == mine


@pytest.mark.parametrize(
    "change",
    [{"scores": [0.5, 0.1]}, {"chances": [0.9, 0.1]}, {"chances": [0.1, 1.2]}, {"scores": [0.1]}, {"weights": 3},
     {"scores": [0.1, "x"]}, {"chances": [0.1, float("nan")]}],
)  # fmt: skip
def test_a_file_that_is_no_map_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    good = json.loads(Calibration("net", (0.1, 0.5), (0.4, 0.8)).to_json())
    file = tmp_path / "calibration-net.json"
    file.write_text(json.dumps(good | change))
    with pytest.raises(ValueError, match=r"calibration-net\.json"):
        Calibration.read(file)
    file.write_text("[]")
    with pytest.raises(ValueError, match=r"calibration-net\.json"):
        Calibration.read(file)


@pytest.mark.parametrize("scores", ["[0.1, 1" + "0" * 400 + "]", "[" * 100_000])
def test_numbers_and_brackets_without_end_are_no_map(tmp_path: Path, scores: str) -> None:
    file = tmp_path / "calibration-x.json"
    file.write_text(f'{{"backend": "x", "chances": [0.1, 0.9], "weights": {{}}, "fitted": {{}}, "scores": {scores}}}')
    with pytest.raises(ValueError, match=r"calibration-x\.json: no calibration of scores"):
        Calibration.read(file)
