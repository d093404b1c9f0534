"""What is a backend's score worth? Fits the map from raw scores to chances of being right, on films with truth.

    .venv/bin/hmmr films make --preset study --out out/films          (or any folder of the open world's films)
    .venv/bin/python scripts/fit_calibration.py out/films/dev --out harvest/data/calibration-embedded.json

Every second film (by name) is fitted on; how reliable raw scores and the map are is measured on the others. The films
are harvested into a lake first (--lake keeps it, so that a second call asks the networks nothing). Then
`hmmr harvest run --scores calibrated` uses the map. Films are synthetic: on real video the map is a better guess than a
raw score, not a measurement. N joints.
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25
from flows.films import harvest_all
from harvest.backends.protocol import PoseBackend
from harvest.calibration import RIGHT_WITHIN, Calibration, calibration_error, fit
from harvest.config import HarvestConfig
from harvest.registry import make_backend
from openworld.film.truth import attach_truth
from storage.lake import Lake
from storage.tables import TrackletArrays, iter_tracklets, read_labels3d

Scored = tuple[NDArray[np.float64], NDArray[np.bool_]]


def scored_joints(lake: Lake, films: Path, backend: PoseBackend) -> dict[str, Scored]:
    """For each film of the lake (N) raw scores and (N) whether the joint is where it should be, hidden ones too."""
    videos = lake.read("videos", ["source_id", "url"]).to_pylist()
    names = {row["source_id"]: Path(row["url"]).stem for row in videos}
    wanted = {film.stem for film in films.rglob("*.mp4")}
    labels = read_labels3d(lake)
    found: dict[str, list[Scored]] = {}
    for tracklet in iter_tracklets(lake):
        if tracklet.tracklet_id in labels and names[tracklet.source_id] in wanted:
            label = labels[tracklet.tracklet_id]
            usable_T = label.valid & tracklet.observed
            found.setdefault(names[tracklet.source_id], []).append(
                _judged(tracklet, label.keypoints_2d, usable_T, backend.joints)
            )
    return {
        film: (np.concatenate([s for s, _ in parts]), np.concatenate([r for _, r in parts]))
        for film, parts in sorted(found.items())
    }


def _judged(
    tracklet: TrackletArrays, true_TJ3: NDArray[np.float32], usable_T: NDArray[np.bool_], joints: tuple[str, ...]
) -> Scored:
    here = true_TJ3.copy()
    here[..., 2] = 1
    size_T = np.maximum(diagonals(keypoint_boxes(here, 0.0)[0]), 1.0)
    apart_TJ = np.hypot(*np.moveaxis(tracklet.keypoints[..., :2] - true_TJ3[..., :2], -1, 0)) / size_T[:, None]
    has_J = np.array([name in joints for name in KEYPOINTS_25])
    counted_TJ = usable_T[:, None] & has_J & (tracklet.keypoints[..., 2] > 0)
    return tracklet.keypoints[..., 2][counted_TJ].astype(np.float64), apart_TJ[counted_TJ] <= RIGHT_WITHIN


def fitted_on_half(films: dict[str, Scored], backend: PoseBackend, folder: str) -> Calibration:
    """Fitted on films 0, 2, 4, ..., with its reliability on films 1, 3, 5, ..."""
    names = sorted(films)
    ours, others = (_together([films[name] for name in names[k::2]]) for k in (0, 1))
    raw, right = fit(*ours)
    # scores that are alike to the last digits must stay apart
    scores, chances = tuple(raw.tolist()), tuple(np.round(right, 5).tolist())
    plain = Calibration(backend.name, scores, chances, dict(backend.weights))
    told: dict[str, Any] = {"films": folder, "fitted_on_films": len(names[::2]), "fitted_on_joints": len(ours[0])}
    told |= {"other_films": len(names[1::2]), "other_joints": len(others[0])}
    for name, said in (("raw", others[0]), ("calibrated", plain.apply(others[0]))):
        told[name] = {
            "calibration_error": round(calibration_error(said, others[1]), 4),
            "brier": round(float(((said - others[1]) ** 2).mean()), 4),
        }
    return Calibration(plain.backend, plain.scores, plain.chances, plain.weights, told)


def _together(parts: list[Scored]) -> Scored:
    return np.concatenate([s for s, _ in parts]), np.concatenate([r for _, r in parts])


def show(films: dict[str, Scored], fitted: Calibration) -> None:
    """What the map says and what is true, on the films that it was not fitted on, by bands of raw scores."""
    scores, right = _together([films[name] for name in sorted(films)[1::2]])
    print("| raw score | joints | says | is right |\n|---|---|---|---|")
    edges = [0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.01]
    for low, high in itertools.pairwise(edges):
        inside = (scores >= low) & (scores < high)
        if inside.any():
            said = fitted.apply(scores[inside]).mean()
            print(f"| {low} to {min(high, 1.0)} | {inside.sum()} | {said:.3f} | {right[inside].mean():.3f} |")
    for name in ("raw", "calibrated"):
        print(f"{name}: {fitted.fitted[name]}")


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, help="folder of films with their truth beside them")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the map")
    parser.add_argument("--backend", default="embedded", help="as for hmmr harvest run")
    parser.add_argument("--lake", type=Path, help="lake that the films are harvested into, kept; else a temporary one")
    given = parser.parse_args()
    config = HarvestConfig(backend=given.backend, truth_films=given.films, phis=("keypoints",), workers=1)
    with tempfile.TemporaryDirectory(prefix="hmmr-calibration-") as scratch:
        lake_folder = given.lake or Path(scratch) / "lake"
        harvest_all([given.films], lake_folder, config)
        lake = Lake(lake_folder)
        attach_truth(lake, given.films)
        backend = make_backend(config)
        films = scored_joints(lake, given.films, backend)
    if len(films) < 2:
        sys.exit(f"{len(films)} films of {given.films} have a tracklet with truth: two are needed, 60 are better")
    fitted = fitted_on_half(films, backend, given.films.name)
    show(films, fitted)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(fitted.to_json())


if __name__ == "__main__":
    main()
