"""The two real clips with something to hold labels against: published landmarks, and a triangulated athlete.

Letters as in evaluation/label_quality/people.py.
"""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.boxes import diagonals
from body.joints import BLAZEPOSE_33, KEYPOINTS_25, indices
from evaluation.label_quality.errors import error_row, limb_swaps
from evaluation.label_quality.matching import judge
from evaluation.label_quality.people import LEAST_DIAGONAL_PX, Truth, joint_boxes
from evaluation.label_quality.table import Table, Value, from_rows
from evaluation.readers.pose2sim import read_pose2sim
from flows.label_quality.labels import LabelShelf
from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig
from harvest.backends.roi import RefineLimits
from harvest.config import LabelConfig

_NEVER = RefineLimits(*[float("inf")] * len(RefineLimits.__dataclass_fields__))


class OneLookBackend(EmbeddedBackend):
    """The embedded networks as most tools run them: one upright crop for each person, and no second look."""

    def __init__(self, detector_threshold: float) -> None:
        super().__init__(EmbeddedConfig(detector_threshold=detector_threshold, refine=_NEVER, follow=_NEVER))
        self.weights = {**self.weights, "looks": "1"}


_ALONE = "every frame by itself, 60 fps"
SQUATS, ATHLETE = "pose_squats.mp4", "pose2sim_single_cam02.mp4"


def squats_table(folder: Path, shelf: LabelShelf, label: LabelConfig) -> Table:
    """pose_squats.mp4 against the landmarks that its publisher gives for BlazePose full."""
    both = [name for name in KEYPOINTS_25 if name in BLAZEPOSE_33]
    golden_FJ2 = np.array(json.loads((folder / "pose_squats.full.json").read_text()))[..., :2]
    golden_FJ2 = golden_FJ2[:, indices(both, BLAZEPOSE_33)]
    boxes_F4 = joint_boxes(np.pad(golden_FJ2, ((0, 0), (0, 0), (0, 1))))
    size_F = np.maximum(diagonals(boxes_F4), LEAST_DIAGONAL_PX)
    rows: dict[str, dict[str, Value]] = {}
    settings = {"default": label, "detected in every frame": _every_frame(label)}
    for name, config in settings.items():
        track = max(shelf.labels(folder / SQUATS, config).tracks, key=lambda each: len(each.frames_T))
        ours = track.joints_TJ3[:, indices(both, KEYPOINTS_25), :2]
        apart_px = np.linalg.norm(ours - golden_FJ2[track.frames_T], axis=-1)[track.observed_T]
        shares = apart_px / size_F[track.frames_T][track.observed_T][:, None]
        rows[name] = {"frames": int(track.observed_T.sum()), **_spread(apart_px, "px"), **_spread(shares, "diagonals")}
    note = (
        f"{SQUATS} (real, 65 frames, 720 x 1280, one woman) against its published landmarks of BlazePose full, "
        f"{len(both)} joints; upstream's own tolerance is 28 px."
    )
    return from_rows("squats", "Real video: squats against published landmarks", note, rows, of="labels")


def athlete_table(folder: Path, shelf: LabelShelf, one_look: LabelShelf, label: LabelConfig) -> Table:
    """pose2sim_single_cam02.mp4: frames with sides exchanged, before and after the repair. `one_look`: labels by the
    embedded networks without their second look."""
    truth = athlete_truth(folder)
    at_60 = replace(label, decode=replace(label.decode, max_fps=Fraction(60)))
    settings = {
        _ALONE: replace(_every_frame(at_60), sides=None),
        "every frame by itself, repaired, 60 fps": _every_frame(at_60),
        "followed, as detected, 60 fps": replace(at_60, sides=None),
        "followed, repaired, 60 fps": at_60,
        "followed, as detected, 25 fps": replace(label, sides=None),
        "followed, repaired, 25 fps (default)": label,
    }
    rows = {"one upright look, every frame by itself, 60 fps": athlete_row(truth, folder, one_look, settings[_ALONE])}
    rows |= {name: athlete_row(truth, folder, shelf, config) for name, config in settings.items()}
    note = (
        f"{ATHLETE} (real, 100 frames at 60 fps) against joints triangulated from four views, 17 joints: a reference, "
        "no ground truth. Errors in parts of the person's diagonal."
    )
    return from_rows("athlete", "Real video: left and right of an athlete", note, rows, of="labels", bar="mean")


def athlete_row(truth: Truth, folder: Path, shelf: LabelShelf, config: LabelConfig) -> dict[str, Value]:
    """Frames labelled, frames with sides exchanged, and errors in diagonals, under one setting."""
    film = judge(truth, shelf.labels(folder / ATHLETE, config))
    row = error_row([film])
    return {
        "frames": sum(int((track.who_T >= 0).sum()) for track in film.tracks),
        "arms, legs or all exchanged": sum(int(limb_swaps(track).sum()) for track in film.tracks),
        "median": row["median"],
        "mean": row["mean"],
    }


def athlete_truth(folder: Path) -> Truth:
    """The athlete's joints as four views have them, in px of cam02. ValueError if the reference is not there."""
    reference = read_pose2sim(
        folder / "pose2sim_single_reference.npz", folder / "pose2sim_single_calib.qca.txt", "cam02"
    )
    joints_FJ3 = reference.keypoints_2d.astype(np.float64)
    n_frames = len(joints_FJ3)
    return Truth(joints_FJ3[None], np.ones((1, n_frames), bool), np.zeros(n_frames, np.int64))


def _every_frame(label: LabelConfig) -> LabelConfig:
    return replace(label, people=replace(label.people, detect_every=1))


def _spread(apart: NDArray[np.floating], unit: str) -> dict[str, Value]:
    return {
        f"median, {unit}": float(np.median(apart)), f"mean, {unit}": float(apart.mean()),
        f"95 %, {unit}": float(np.percentile(apart, 95)),
    }  # fmt: skip
