"""Calibration of scores: maps a raw score to the probability that the joint lies within 0.1 of the person's diagonal.

A map is monotone, by isotonic regression (Zadrozny and Elkan 2002) over scores in bins that hold equally many joints.
One map serves all joints: maps for groups of joints, fitted on 30 films, did no better on the other 30 (docs/LOG.md, 22
November 2026). It belongs to a backend with its weights; `scripts/fit_calibration.py` fits one on films with truth.

Only the stored scores are mapped, at the end, since all thresholds refer to raw scores.
Letters: N joints seen, K knots of a map.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend
from harvest.weights.files import cache_folder
from storage.json_text import MISFIT, read_object
from storage.labels.key import digest

RIGHT_WITHIN = 0.1
"""In parts of the true person's diagonal: a joint within this distance counts as right, as PCK does."""
BINS = 50
RELIABILITY_BINS = 15
"""Bins of the expected calibration error, as in Guo et al. 2017."""
SHIPPED = Path(__file__).parent / "data"
COMMAND = "scripts/fit_calibration.py FILMS --backend NAME"

Float = NDArray[np.float64]


class NoCalibrationError(ValueError):
    """Calibrated scores were asked for, and the backend has no calibration for its weights."""


@dataclass(frozen=True)
class Calibration:
    """The calibration of one backend: linear between (score, probability) knots, constant outside them."""

    backend: str
    scores: tuple[float, ...]
    """(K) rising."""
    chances: tuple[float, ...]
    """(K) probabilities, monotone, 0 to 1."""
    weights: dict[str, str] = field(default_factory=dict)
    """File name to sha256, as the backend had them."""
    fitted: dict[str, Any] = field(default_factory=dict)
    """The films of the fit and the map's error on other films; information only."""

    def __post_init__(self) -> None:
        scores, chances = np.array(self.scores, float), np.array(self.chances, float)
        if not (len(scores) == len(chances) >= 2 and np.isfinite([scores, chances]).all()):
            raise ValueError("a calibration needs two finite knots or more, as many scores as chances")
        if (np.diff(scores) <= 0).any() or (np.diff(chances) < 0).any() or not 0 <= chances[0] <= chances[-1] <= 1:
            raise ValueError("a calibration's scores must rise, its chances never fall and lie between 0 and 1")

    def apply(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Chances of these raw scores, any shape. A score of 0 says that there is no joint: it stays 0."""
        chances = np.interp(scores, self.scores, self.chances)
        return np.where(scores > 0, chances, 0.0).astype(np.float32)

    @property
    def digest(self) -> str:
        """Of the map alone: part of the label_key."""
        return digest([self.scores, self.chances])

    @classmethod
    def load(cls, backend: str, weights: Mapping[str, str] | None = None) -> "Calibration":
        """The map of a backend by name: your own from the cache folder, else the one that is shipped. With `weights`
        it must be for these. NoCalibrationError says how to fit one; ValueError names a file that is no map."""
        places = [place / f"calibration-{backend}.json" for place in (cache_folder(), SHIPPED)]
        calibrations = [cls.read(place) for place in places if place.is_file()]
        for calibration in calibrations:
            if weights is None or calibration.weights == weights:
                return calibration
        why = "was fitted with other weights" if calibrations else "has not been fitted"
        raise NoCalibrationError(
            f"scores of the backend {backend} cannot be calibrated: its map {why}. Fit one with "
            f"`{COMMAND.replace('NAME', backend)} --out {places[0]}`, or keep raw scores (--scores raw)"
        )

    @classmethod
    def read(cls, file: Path) -> "Calibration":
        """A file that `to_json` filled; ValueError names one that is something else."""
        try:
            raw = read_object(file.read_bytes())
            scores, chances = (tuple(map(float, raw[name])) for name in ("scores", "chances"))
            return cls(str(raw["backend"]), scores, chances, dict(raw["weights"]), dict(raw["fitted"]))
        except (OSError, *MISFIT) as error:
            raise ValueError(f"{file}: no calibration of scores ({error})") from error

    def to_json(self) -> str:
        """For a file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def calibration_of(backend: PoseBackend) -> Calibration:
    """The calibration of this backend with its weights. NoCalibrationError if there is none."""
    return Calibration.load(backend.name, dict(backend.weights))


def fit(scores_N: NDArray[np.floating], right_N: NDArray[np.bool_], bins: int = BINS) -> tuple[Float, Float]:
    """(K) scores and (K) probabilities of the monotone map with the least squared error, from bins that hold equally
    many joints. ValueError if all scores are equal."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores_N, kind="stable")
    score_N, good_N = scores_N[order].astype(np.float64), right_N[order].astype(np.float64)
    edges = np.unique(np.searchsorted(score_N, np.quantile(score_N, np.linspace(0, 1, bins + 1)[1:-1]), side="left"))
    parts = [part for part in np.split(np.arange(len(score_N)), edges) if len(part)]
    means = np.array([[score_N[part].mean(), good_N[part].mean(), len(part)] for part in parts])
    if len(np.unique(means[:, 0])) < 2:
        raise ValueError("all scores are the same: nothing to calibrate")
    return means[:, 0], np.asarray(isotonic_regression(means[:, 1], weights=means[:, 2]).x, dtype=np.float64)


def calibration_error(chances_N: NDArray[np.floating], right_N: NDArray[np.bool_]) -> float:
    """Expected calibration error (Guo et al. 2017): over 15 equal bins of probability, the mean difference between the
    predicted probability and the share of right joints, weighted by the joints in the bin."""
    band_N = np.minimum((chances_N * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    gaps = np.bincount(band_N, chances_N.astype(np.float64) - right_N, minlength=RELIABILITY_BINS)
    return float(np.abs(gaps).sum() / len(chances_N))
