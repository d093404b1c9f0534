"""What are the harvest's labels worth? Tables against the truth of synthetic films: cuts, identities, joints, filters.

    .venv/bin/hmmr films make --out out/films                 (or any folder of the open world's films)
    .venv/bin/python scripts/measure_labels.py out/films/dev

Letters: F frames of a film, J 25 joints. Errors are parts of the true person's diagonal, over joints that are truly
visible and that the backend has; a diagonal of 150 px, HMMR's crop, makes 0.01 one and a half pixels.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from trackeval.metrics import CLEAR, HOTA, Identity

from body.joints import KEYPOINTS_25, mirror_permutation
from harvest.boxes import diagonals, iou_matrix, keypoint_boxes
from harvest.config import HarvestConfig
from harvest.decode import Video
from harvest.filters import clean
from harvest.networks import make_backend
from harvest.people import Observer
from harvest.presets import DEFAULT, HMMR_2019, Preset
from harvest.shots import split_shots
from harvest.sides import SidesConfig, repair_sides

MIRROR = mirror_permutation(KEYPOINTS_25)
EVERYTHING = replace(
    DEFAULT, name="none", start_above=-1, stop_at=-1, min_frames=1, upper_only_share=2.0, min_motion=0.0
)
"""A preset that keeps all."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """One film: people's joints (P, F, J, 3) with x, y px and visible, who is there (P, F), shots (F)."""

    joints_PFJ3: Array
    present_PF: NDArray[np.bool_]
    shots_F: NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """One track: the film frames it covers, its joints (T, J, 3), which are observed (T)."""

    frames_T: NDArray[np.int64]
    joints_TJ3: NDArray[np.float32]
    observed_T: NDArray[np.bool_]


def read_truth(film: Path) -> Truth:
    """Truth beside a film."""
    rows = pq.read_table(film.with_suffix(".truth.parquet")).to_pylist()
    joints = np.array([row["keypoints_2d"] for row in rows], dtype=np.float64)
    joints = joints.reshape(len(rows), -1, 25, 3)
    present = np.array([row["present"] for row in rows]) & ((joints[..., 2] > 0).sum(axis=-1) >= 5)
    return Truth(joints, present, np.array(rows[0]["shot_index"]))


def harvest_tracks(film: Path, config: HarvestConfig, observe: "Iterator[Observer]") -> tuple[list[Seen], list[int]]:
    """Tracks before any filter, and the frames at which shots were found to start."""
    video = Video(film, film.name, config.label.decode, max_pixels=1 << 24, max_seconds=3600)
    tracks: list[Seen] = []
    starts: list[int] = []
    frames: list[int] = []
    observer = next(observe)
    for each in split_shots(video.frames(), config.label.shots):
        if each.starts and starts:
            tracks += _finished(observer, frames)
            observer, frames = next(observe), []
        if each.starts:
            starts.append(each.frame.index)
        observer.push([each.frame.pixels_HW3])
        frames.append(each.frame.index)
    return tracks + _finished(observer, frames), starts


def _finished(observer: Observer, frames: list[int]) -> list[Seen]:
    at = np.array(frames)
    return [Seen(at[track.start : track.end], track.keypoints, track.observed) for track in observer.linker.tracks]


def _boxes(joints_NJ3: NDArray[np.floating]) -> Array:
    """(N, 4) around all joints that have a place."""
    there = np.where(np.abs(joints_NJ3[..., :1]) + np.abs(joints_NJ3[..., 1:2]) > 0, joints_NJ3, 0)
    there[..., 2] = joints_NJ3[..., 0] != 0
    return keypoint_boxes(there, 0.0)[0]


def tracking_row(truths: list[Truth], tracks: list[list[Seen]]) -> dict[str, float]:
    """HOTA, IDF1, MOTA and switches by TrackEval over all films (each film its own identities)."""
    results = [_sequence(truth, seen) for truth, seen in zip(truths, tracks, strict=True)]
    kinds = _metrics()
    hota, clear, identity = (
        kind.combine_sequences({str(i): result[k] for i, result in enumerate(results)}) for k, kind in enumerate(kinds)
    )
    return {
        "HOTA": float(np.mean(hota["HOTA"])), "IDF1": float(identity["IDF1"]), "MOTA": float(clear["MOTA"]),
        "switches": float(clear["IDSW"]), "misses": float(clear["CLR_FN"]), "false": float(clear["CLR_FP"]),
        "people-frames": float(clear["CLR_TP"] + clear["CLR_FN"]),
    }  # fmt: skip


def _sequence(truth: Truth, tracks: list[Seen]) -> list[dict[str, object]]:
    gt_ids, tr_ids, scores = [], [], []
    for f in range(len(truth.shots_F)):
        people = np.flatnonzero(truth.present_PF[:, f])
        here = [(i, np.flatnonzero(seen.frames_T == f)) for i, seen in enumerate(tracks)]
        here = [(i, at[0]) for i, at in here if len(at) and tracks[i].observed_T[at[0]]]
        joints = np.array([tracks[i].joints_TJ3[t] for i, t in here]).reshape(-1, 25, 3)
        gt_ids.append(people)
        tr_ids.append(np.array([i for i, _ in here], dtype=int))
        scores.append(iou_matrix(_boxes(truth.joints_PFJ3[people, f]), _boxes(joints)))
    data = {
        "num_timesteps": len(gt_ids), "num_gt_ids": len(truth.present_PF), "num_tracker_ids": len(tracks),
        "num_gt_dets": sum(map(len, gt_ids)), "num_tracker_dets": sum(map(len, tr_ids)),
        "gt_ids": gt_ids, "tracker_ids": tr_ids, "similarity_scores": scores,
    }  # fmt: skip
    return [metric.eval_sequence(data) for metric in _metrics()]


def _metrics() -> tuple[HOTA, CLEAR, Identity]:
    quiet = {"PRINT_CONFIG": False}
    return HOTA(), CLEAR(quiet), Identity(quiet)


def errors_of(truth: Truth, seen: Seen) -> tuple[Array, Array, NDArray[np.bool_]]:
    """(T, J) error of each joint as it is named, and with left and right exchanged; (T, J) which joints count.
    The person of a frame is the one whose box overlaps most."""
    at = seen.frames_T
    overlap_PT = np.stack([
        np.diag(iou_matrix(_boxes(joints_FJ3[at]), _boxes(seen.joints_TJ3))) for joints_FJ3 in truth.joints_PFJ3
    ]) * truth.present_PF[:, at]  # fmt: skip
    who = overlap_PT.argmax(axis=0)
    true = truth.joints_PFJ3[who, at]
    size = np.maximum(diagonals(_boxes(true)), 1.0)[:, None]
    plain = np.hypot(*np.moveaxis(seen.joints_TJ3[..., :2] - true[..., :2], -1, 0)) / size
    swapped = np.hypot(*np.moveaxis(seen.joints_TJ3[:, MIRROR, :2] - true[..., :2], -1, 0)) / size
    counted = (true[..., 2] > 0) & (seen.joints_TJ3[..., 2] > 0) & seen.observed_T[:, None]
    return plain, swapped, counted & (overlap_PT.max(axis=0) > 0.1)[:, None]


def preset_row(truths: list[Truth], tracks: list[list[Seen]], preset: Preset, sigma: float = 0.0) -> dict[str, float]:
    """What a preset keeps, and how wrong it is: frames, median and mean error, share within 0.1, swapped frames."""
    errors, swaps, frames = [], [], 0
    for truth, film in zip(truths, tracks, strict=True):
        for seen in film:
            for run in clean(seen.joints_TJ3, seen.observed_T, preset)[0]:
                cut = slice(run.start, run.stop)
                part = Seen(seen.frames_T[cut], _smoothed(seen.joints_TJ3[cut], sigma), seen.observed_T[cut])
                plain, swapped, counted = errors_of(truth, part)
                frames += run.stop - run.start
                errors.append(plain[counted])
                swaps += _swapped_frames(plain, swapped, counted)
    wrong = np.concatenate(errors) if errors else np.zeros(0)
    return {
        "frames": frames, "median": float(np.median(wrong)), "mean": float(wrong.mean()),
        "within 0.1": float((wrong < 0.1).mean()), "swapped": float(np.mean(swaps)),
    }  # fmt: skip


def with_sides_repaired(tracks: list[list[Seen]]) -> list[list[Seen]]:
    """The same tracks after harvest/sides.py."""
    return [
        [replace(seen, joints_TJ3=repair_sides(seen.joints_TJ3, SidesConfig())[0]) for seen in film] for film in tracks
    ]


def _smoothed(joints_TJ3: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    if sigma == 0:
        return joints_TJ3
    weight = (joints_TJ3[..., 2:] > 0).astype(np.float64)
    total = gaussian_filter1d(joints_TJ3[..., :2] * weight, sigma, axis=0)
    share = gaussian_filter1d(weight, sigma, axis=0)
    return np.concatenate([total / np.maximum(share, 1e-6), joints_TJ3[..., 2:]], axis=-1).astype(np.float32)


def _swapped_frames(plain: Array, swapped: Array, counted: NDArray[np.bool_]) -> list[bool]:
    """Frames whose joints fit clearly better with left and right exchanged."""
    found = []
    for a, b, there in zip(plain, swapped, counted & counted[:, MIRROR], strict=True):
        if there.sum() >= 6:
            found.append(bool(b[there].mean() < 0.7 * a[there].mean() and a[there].mean() > 0.03))
    return found


def calibration_rows(truths: list[Truth], tracks: list[list[Seen]]) -> list[dict[str, float]]:
    """For each band of scores: how many joints, and the share that lies within 0.1 of where it should."""
    scores, right = [], []
    for truth, film in zip(truths, tracks, strict=True):
        for seen in film:
            plain, _, _ = errors_of(truth, seen)
            there = (seen.joints_TJ3[..., 2] > 0) & seen.observed_T[:, None]
            scores.append(seen.joints_TJ3[..., 2][there])
            right.append(plain[there] < 0.1)
    score, good = np.concatenate(scores), np.concatenate(right)
    edges = [0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.01]
    bands = [(low, high, (score >= low) & (score < high)) for low, high in itertools.pairwise(edges)]
    return [
        {"from": low, "to": min(high, 1.0), "joints": float(inside.sum()), "right": float(good[inside].mean())}
        for low, high, inside in bands
        if inside.any()
    ]


def shots_row(truths: list[Truth], starts: list[list[int]]) -> dict[str, float]:
    """Precision, recall and F1 of cuts, two frames of tolerance."""
    hit = found = there = 0
    for truth, mine in zip(truths, starts, strict=True):
        cuts = (np.flatnonzero(np.diff(truth.shots_F)) + 1).tolist()
        found, there = found + len(mine) - 1, there + len(cuts)
        hit += sum(any(abs(cut - start) <= 2 for start in mine[1:]) for cut in cuts)
    precision, recall = hit / max(found, 1), hit / max(there, 1)
    return {"cuts": there, "found": found, "F1": 2 * precision * recall / max(precision + recall, 1e-9)}


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """A table in markdown."""
    columns = list(next(iter(rows.values())))
    print(f"\n| {title} | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[column]:.4g}" for column in columns) + " |", flush=True)


def _observers(config: HarvestConfig) -> Iterator[Observer]:
    backend = make_backend(config)
    while True:
        yield Observer(backend, config.label.people, config.label.track, 25.0)


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path)
    parser.add_argument("--detect-every", type=int, nargs="+", default=[4])
    given = parser.parse_args()
    films = sorted(given.films.rglob("*.mp4"))
    if not films:
        sys.exit(f"no film below {given.films}: `hmmr films make --out DIR` makes some")
    truths = [read_truth(film) for film in films]
    by_k: dict[str, dict[str, float]] = {}
    for k in given.detect_every:
        label = HarvestConfig().label
        config = HarvestConfig(label=replace(label, people=replace(label.people, detect_every=k)))
        observers = _observers(config)
        seen = [harvest_tracks(film, config, observers) for film in films]
        tracks, starts = [tracks for tracks, _ in seen], [starts for _, starts in seen]
        by_k[f"detect every {k}"] = tracking_row(truths, tracks)
    show("tracking", by_k)
    show("shots", {"default": shots_row(truths, starts)})
    presets = {
        "everything": EVERYTHING, "hmmr_2019": HMMR_2019, "default": DEFAULT,
        "default, any length": replace(DEFAULT, min_frames=1),
        "default, still too": replace(DEFAULT, min_motion=0.0),
        "default, upper body too": replace(DEFAULT, upper_only_share=2.0),
    }  # fmt: skip
    show("filters", {name: preset_row(truths, tracks, preset) for name, preset in presets.items()})
    repaired = with_sides_repaired(tracks)
    sides = {"as detected": tracks, "repaired": repaired}
    show("sides", {name: preset_row(truths, these, DEFAULT) for name, these in sides.items()})
    show("smoothing", {f"sigma {s} frames": preset_row(truths, tracks, DEFAULT, s) for s in (0.0, 0.5, 1.0, 2.0)})
    show("score", {f"{row['from']:.2f}": row for row in calibration_rows(truths, tracks)})


if __name__ == "__main__":
    main()
