"""How good is what `hmmr predict` writes? The released model against the 2D network's own 3D, on films and real video.

    .venv/bin/hmmr study run --preset open-world --out out/open-world    (its lakes are read; stop it after the harvest)
    .venv/bin/python scripts/score_released.py out/open-world/held_out:dev
    .venv/bin/python scripts/score_released.py out/open-world/held_out:test out/open-world/mocap:mocap

Each argument is a lake with 3D labels and a split. Prints two markdown tables: errors of the pose under open_v1, and of
the place in the camera frame by the film's own focal length. Choose on dev; score test once.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from body.cameras import assumed_focal, weak_to_translation
from evaluation.protocols.registry import OPEN_V1
from evaluation.score import aggregate, score_sequences
from hmmr_model.checkpoint import RELEASED, load_checkpoint
from hmmr_model.export.placement import FEET, place
from hmmr_model.objective import HIPS
from hmmr_model.predict import Prediction, Predictor, predict_lake
from hmmr_model.refine import refine_lake
from storage.lake import Lake
from storage.tables import Labels3D, TrackletArrays, iter_tracklets, read_labels3d, read_zero_shot

METRICS = ("pa_mpjpe_mm", "mpjpe_mm", "accel_error_mm_frame2", "mirrored_share")
SMOOTHING = 2.0
"""Standard deviation, frames, of the Gaussian that the baseline is smoothed with (fixed before any score)."""
STANDS_M = 0.004
"""A foot stands where its true place moves by less between two frames, in the camera frame."""
Points = NDArray[np.float32]
Place = tuple[NDArray[np.float64], Points]
"""Pelvis (T, 3) m in the camera frame, and keypoints (T, 25, 3) m about it."""


@dataclass(frozen=True)
class Films:
    """A labelled lake's split: truth, tracklets, and the size of each picture."""

    lake: Lake
    labels: Mapping[str, Labels3D]
    tracklets: Mapping[str, TrackletArrays]
    sizes: Mapping[str, tuple[int, int]]

    @classmethod
    def read(cls, folder: Path, split: str) -> "Films":
        """All of the split."""
        lake = Lake(folder, create=False)
        labels = read_labels3d(lake, split=split)
        rows = lake.read("tracklets", ["tracklet_id", "width", "height"]).to_pylist()
        tracklets = {tracklet.tracklet_id: tracklet for tracklet in iter_tracklets(lake, list(labels))}
        return cls(lake, labels, tracklets, {row["tracklet_id"]: (row["width"], row["height"]) for row in rows})

    def focal(self, name: str) -> float:
        """The film's focal length, px, from its true keypoints in 3D and in the picture (least squares)."""
        label = self.labels[name]
        rays = label.keypoints_3d[label.valid][..., :2] / label.keypoints_3d[label.valid][..., 2:]
        pixels = label.keypoints_2d[label.valid][..., :2] - np.array(self.sizes[name]) / 2
        known = np.isfinite(rays).all(axis=-1) & np.isfinite(pixels).all(axis=-1)
        return float((rays[known] * pixels[known]).sum() / np.square(rays[known]).sum())


def pose_rows(films: Films, predictions: Mapping[str, Mapping[str, Points]]) -> Iterator[str]:
    """A row a method: errors under open_v1, means over the frames of a film, then over films."""
    rates = {name: tracklet.fps for name, tracklet in films.tracklets.items()}
    yield "| method | PA-MPJPE mm | MPJPE mm | acceleration error mm/frame^2 | mirrored share |\n|---|---|---|---|---|"
    for method, motions in predictions.items():
        averages = aggregate(score_sequences(motions, films.labels, OPEN_V1, fps=rates))
        values = [averages[metric].macro for metric in METRICS]
        yield f"| {method} | {values[0]:.1f} | {values[1]:.1f} | {values[2]:.1f} | {values[3]:.3f} |"


def place_rows(films: Films, refined: Mapping[str, Prediction]) -> Iterator[str]:
    """A row a way of placing the same refined bodies in the camera frame."""

    def weak(name: str, focal: float) -> Place:
        prediction, boxes = refined[name], torch.from_numpy(films.tracklets[name].boxes.copy())
        centre = torch.tensor(films.sizes[name]) / 2
        pelvis = weak_to_translation(torch.from_numpy(prediction.camera), boxes, focal, centre)
        return pelvis.double().numpy(), prediction.keypoints_3d

    def placed(name: str, focal: float) -> Place:
        first, points = weak(name, focal)
        tracklet, (width, height) = films.tracklets[name], films.sizes[name]
        pixels, seconds = tracklet.keypoints.astype(np.float64), np.arange(len(points)) / tracklet.fps
        return place(points.astype(np.float64), pixels, first, focal, (width / 2, height / 2), seconds).pelvis, points

    ways: dict[str, Callable[[str], Place]] = {
        "each frame by its crop (before)": lambda name: weak(name, films.focal(name)),
        "over all frames, feet stand": lambda name: placed(name, films.focal(name)),
        "the same, assumed focal length": lambda name: placed(name, assumed_focal(*films.sizes[name])),
    }
    yield "| place | root m | % of distance | way m | % of path | foot sliding cm/frame | net way, median error % |"
    yield "|---|---|---|---|---|---|---|"
    for way, get in ways.items():
        errors = np.array([_place_errors(get(name), films.labels[name]) for name in films.labels])
        mean, median = np.nanmean(errors, axis=0), float(np.nanmedian(errors[:, 5]))
        yield (
            f"| {way} | {mean[0]:.3f} | {100 * mean[1]:.1f} | {mean[2]:.3f} | {100 * mean[3]:.1f} | "
            f"{100 * mean[4]:.2f} | {100 * median:.1f} ({np.isfinite(errors[:, 5]).sum()} films) |"
        )


def _place_errors(place_: Place, label: Labels3D) -> tuple[float, ...]:
    """Root error m and as a share of the distance; error of the way, its mean place taken away, m and as a share of the
    path (paths of 0.5 m or more); sliding m a frame of feet that stand; error of the net way (1 m or more)."""
    predicted, true, valid = place_[1] + place_[0][:, None], label.keypoints_3d, label.valid
    at, truth = predicted[:, list(HIPS)].mean(axis=1)[valid], true[:, list(HIPS)].mean(axis=1)[valid]
    root = float(np.linalg.norm(at - truth, axis=1).mean())
    way = float(np.linalg.norm((at - at.mean(axis=0)) - (truth - truth.mean(axis=0)), axis=1).mean())
    path = float(np.linalg.norm(np.diff(truth, axis=0), axis=1).sum())
    net, net_truth = (float(np.linalg.norm(x[-1] - x[0])) for x in (at, truth))
    slides: list[float] = []
    for foot in FEET:
        moved, moved_truth = (
            np.linalg.norm(np.diff(points[:, foot].mean(axis=1), axis=0), axis=1) for points in (predicted, true)
        )
        slides += moved[valid[1:] & valid[:-1] & (moved_truth < STANDS_M)].tolist()
    return (
        root, root / float(np.linalg.norm(truth, axis=1).mean()), way, way / path if path >= 0.5 else np.nan,
        float(np.mean(slides)) if len(slides) > 5 else np.nan, abs(net / net_truth - 1) if net_truth >= 1 else np.nan,
    )  # fmt: skip


def own_3d(films: Films) -> dict[str, Mapping[str, Points]]:
    """The 2D network's own 3D in each crop that the lake has, raw and smoothed. The baseline is the better smoothed."""
    rows: dict[str, Mapping[str, Points]] = {}
    held = set(films.lake.read("features", ["phi_name"], pc.field("zero_shot_3d").is_valid())["phi_name"].to_pylist())
    for crop, phi in (("upright", "blazepose_penultimate"), ("turned", "blazepose_turned")):
        if phi in held:
            raw = read_zero_shot(films.lake, list(films.labels), phi)
            rows[f"the 2D network's own 3D, {crop} crop"] = raw
            smoothed = {key: gaussian_filter1d(x, SMOOTHING, axis=0, mode="nearest") for key, x in raw.items()}
            rows[f"the same, {crop} crop, smoothed over time"] = smoothed
    return rows


def report(folder: Path, split: str, predictor: Predictor) -> Iterator[str]:
    """Both tables of one split."""
    films = Films.read(folder, split)
    network = predict_lake(predictor, films.lake, list(films.labels))
    refined = refine_lake(network, films.lake, predictor.body, phi_name=predictor.checkpoint.config.data.phi_name)
    yield f"### {split}: {len(films.labels)} tracklets\n"
    yield from pose_rows(films, own_3d(films) | {
        "released model, network alone": {name: prediction.keypoints_3d for name, prediction in network.items()},
        "released model, as `hmmr predict` writes it": {name: one.keypoints_3d for name, one in refined.items()},
    })  # fmt: skip
    yield ""
    if all(label.translation is not None for label in films.labels.values()):
        yield from place_rows(films, refined)
    yield ""


def main() -> None:
    """Print the tables of every lake and split that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", help="LAKE:SPLIT")
    parser.add_argument("--checkpoint", type=Path, default=RELEASED)
    given = parser.parse_args()
    torch.set_num_threads(1)
    predictor = Predictor(load_checkpoint(given.checkpoint))
    for films in given.films:
        folder, _, split = films.rpartition(":")
        print("\n".join(report(Path(folder), split, predictor)), flush=True)


if __name__ == "__main__":
    main()
