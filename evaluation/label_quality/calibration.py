"""Whether a score is the probability that its joint is right: reliability by band, and the expected calibration error
(Guo et al., ICML 2017: mean over joints of |mean score - share that is right| of their band, fifteen equal bands)."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.label_quality.errors import NEAR
from evaluation.label_quality.matching import JudgedFilm
from evaluation.label_quality.table import Table, Value, from_rows

BANDS = 15
SHOWN_BANDS = 10
Scored = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""(N) scores and (N) whether each joint is right."""


def scored_joints(films: Sequence[JudgedFilm]) -> Scored:
    """Score and correctness of every labelled joint in frames that show a person, occluded joints included."""
    tracks = [track for film in films for track in film.tracks]
    scores = [track.track.joints_TJ3[..., 2][track.scored].astype(np.float64) for track in tracks]
    right = [(track.errors < NEAR)[track.scored] for track in tracks]
    return np.concatenate([np.zeros(0), *scores]), np.concatenate([np.zeros(0, bool), *right])


def calibration_error(scored: Scored) -> float:
    """Expected calibration error; 0 where each score equals the chance of its joint to be right."""
    scores, right = scored
    return float(
        sum(len(s) * abs(s.mean() - r.mean()) for _, s, r in _bands(scores, right, BANDS)) / max(len(scores), 1)
    )


def brier(scored: Scored) -> float:
    """Brier score: mean squared difference of score and correctness (0 or 1)."""
    return float(np.mean((scored[0] - scored[1]) ** 2))


def summary_table(by_name: Mapping[str, Scored], note: str) -> Table:
    """One row for each set of scores: number of joints, mean score, share right, ECE and Brier score."""
    rows: dict[str, dict[str, Value]] = {
        name: {
            "joints": len(scored[0]), "mean score": float(scored[0].mean()), "right": float(scored[1].mean()),
            "ECE": calibration_error(scored), "Brier": brier(scored),
        }
        for name, scored in by_name.items() if len(scored[0])
    }  # fmt: skip
    return from_rows("calibration", "Scores: do they mean what they say?", note, rows, of="scores", bar="ECE")


def reliability_table(key: str, title: str, scored: Scored, note: str) -> Table:
    """One row for each band of scores that has joints: their number, mean score and share right."""
    rows: dict[str, dict[str, Value]] = {
        band: {"joints": len(s), "mean score": float(s.mean()), "right": float(r.mean())}
        for band, s, r in _bands(*scored, SHOWN_BANDS)
    }
    return from_rows(key, title, note, rows, of="score", chart="reliability")


def _bands(
    scores: NDArray[np.float64], right: NDArray[np.bool_], bands: int
) -> list[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]:
    edges = np.linspace(0, 1, bands + 1)
    band = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bands - 1)
    return [
        (f"{low:.1f} to {high:.1f}", scores[band == k], right[band == k])
        for k, (low, high) in enumerate(itertools.pairwise(edges))
        if (band == k).any()
    ]
