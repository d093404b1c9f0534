"""What the last steps, both optional, do to the labels: smoothing over time, and calibration of the scores.

Both change what is stored and nothing else (harvest/recipe.py), so they are applied here to the default labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from evaluation.label_quality.calibration import reliability_table, scored_joints, summary_table
from evaluation.label_quality.errors import acceleration_errors, error_row
from evaluation.label_quality.matching import JudgedFilm, judge
from evaluation.label_quality.people import Labelled, Track
from evaluation.label_quality.table import Table, Value, from_rows
from flows.label_quality.bench import Bench
from flows.label_quality.error_tables import ERRORS
from flows.label_quality.films import KnownFilm
from flows.label_quality.refilter import RATE
from harvest.calibration import Calibration
from harvest.smooth import SmoothingConfig, smooth_keypoints

SIGMAS_S = (0.02, 0.04, 0.06, 0.08, 0.12)


def smoothing_tables(bench: Bench) -> list[Table]:
    """Errors of places and of accelerations under several widths of temporal smoothing."""
    labels = bench.labels("labels to smooth", bench.films, bench.config.label)
    rows = {"none": _trembling(bench.films, labels)}
    for sigma in SIGMAS_S:
        rows[f"sigma {sigma} s"] = _trembling(bench.films, _changed(labels, _smoother(SmoothingConfig(sigma))))
    note = (
        "`--smoothing` (harvest/smooth.py) on all films of the world. The error of acceleration is the second "
        f"difference of a joint's error over frames, in diagonals a frame squared. {ERRORS}"
    )
    return [from_rows("smoothing", "Temporal smoothing, before and after", note, rows, of="smoothing",
                      bar="acceleration error")]  # fmt: skip


def calibration_tables(bench: Bench) -> list[Table]:
    """Raw and calibrated scores: what they say against how often the joint is right."""
    labels = bench.labels("labels to calibrate", bench.all_films, bench.config.label)
    map_ = Calibration.load(bench.config.backend, dict(bench.weights))
    named = {"raw": labels, "calibrated": _changed(labels, _calibrator(map_))}
    scored = {name: scored_joints(_judged(bench.all_films, each)) for name, each in named.items()}
    note = (
        "A joint is right within 0.1 of the person's diagonal, hidden joints too. ECE over fifteen bands, Brier score. "
        "`--scores calibrated` maps them (harvest/calibration.py), fitted on "
        f"{map_.fitted.get('fitted_on_films', '?')} films of another world: none of these took part in it."
    )
    words = "Share of joints that are right, by what their score says. A score that means what it says is on the line."
    return [
        summary_table(scored, note),
        *[reliability_table(f"reliability_{name}", f"Reliability of {name} scores", each, words)
          for name, each in scored.items()],
    ]  # fmt: skip


def _trembling(films: Sequence[KnownFilm], labels: Sequence[Labelled]) -> dict[str, Value]:
    judged = _judged(films, labels)
    trembles = acceleration_errors(track for film in judged for track in film.tracks)
    return {**error_row(judged), "acceleration error": float(trembles.mean())}


def _judged(films: Sequence[KnownFilm], labels: Sequence[Labelled]) -> list[JudgedFilm]:
    return [judge(film.truth, each) for film, each in zip(films, labels, strict=True)]


def _changed(labels: Sequence[Labelled], change: Callable[[Track], Track]) -> list[Labelled]:
    return [replace(each, tracks=[change(track) for track in each.tracks]) for each in labels]


def _smoother(config: SmoothingConfig) -> Callable[[Track], Track]:
    return lambda track: replace(
        track, joints_TJ3=smooth_keypoints(track.joints_TJ3, track.observed_T, RATE, config)
    )  # fmt: skip


def _calibrator(map_: Calibration) -> Callable[[Track], Track]:
    def change(track: Track) -> Track:
        joints = track.joints_TJ3.copy()
        joints[..., 2] = map_.apply(joints[..., 2])
        return replace(track, joints_TJ3=joints)

    return change
