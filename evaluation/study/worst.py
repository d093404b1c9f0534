"""The sequences on which a model has the highest error, short enough to be drawn on a page as moving skeletons.

They are kept as a row of `runs` of kind "study": `config` is {"worst": {...}, "sequences": [...]}, a track being
(T, 75) whole mm, mid-hip at the origin, camera axes (x right, y down, z forward).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import rows_to_table

MOST_FRAMES = 75
"""Three seconds at 25 fps: enough to see what goes wrong."""

_HIPS = [KEYPOINTS_25.index("left_hip"), KEYPOINTS_25.index("right_hip")]

Tracks = Mapping[str, NDArray[np.float32]]
"""(T, 25, 3) m by name: truth, present, and past and future where the model has such heads."""


@dataclass(frozen=True)
class Worst:
    """One sequence to be shown."""

    sequence: str
    error: float
    fps: float
    tracks: Tracks


def worst_sequences(lake: Lake, run_id: str, *, dataset: str, split: str, metric: str, count: int) -> dict[str, float]:
    """The `count` sequences with the highest error of a run, and that error; the worst first."""
    where = (
        (pc.field("run_id") == run_id) & (pc.field("dataset") == dataset) & (pc.field("split") == split)
        & (pc.field("metric") == metric)
    )  # fmt: skip
    rows = lake.read("scores", ["sequence", "value"], where).to_pylist()
    errors = {row["sequence"]: row["value"] for row in rows if not row["sequence"].startswith("*")}
    finite = {name: value for name, value in errors.items() if value == value}
    return dict(sorted(finite.items(), key=lambda item: -item[1])[:count])


def worst_window(tracks: Tracks, frames: int = MOST_FRAMES) -> slice:
    """The stretch of that many frames in which the present is furthest from the truth."""
    distance_T = np.linalg.norm(centred(tracks["present"]) - centred(tracks["truth"]), axis=-1)
    error_T = np.nan_to_num(np.nanmean(np.where(np.isfinite(distance_T), distance_T, np.nan), axis=1))
    if len(error_T) <= frames:
        return slice(0, len(error_T))
    sums = np.convolve(error_T, np.ones(frames), mode="valid")
    start = int(sums.argmax())
    return slice(start, start + frames)


def centred(track_T25x3: NDArray[np.float32]) -> NDArray[np.float32]:
    """The track with its mid-hip at the origin in every frame."""
    return np.asarray(track_T25x3 - track_T25x3[:, _HIPS].mean(axis=1, keepdims=True))


def keep_worst(
    lake: Lake, sequences: Sequence[Worst], which: Mapping[str, str], *, command: str, commit: str, began: datetime
) -> None:
    """Append the sequences to the lake's `runs`. `which` says study, run, dataset, split and metric."""
    config = {"worst": dict(which), "sequences": [_shown(sequence) for sequence in sequences]}
    run_id = hashlib.sha256(f"worst\x1f{sorted(which.items())}".encode()).hexdigest()[:32]
    row = run_row("study", run_id, began, config, command=command, commit=commit)
    lake.append("runs", rows_to_table("runs", [row]))


def _shown(worst: Worst) -> dict[str, Any]:
    window = worst_window(worst.tracks)
    return {
        "sequence": worst.sequence, "error": worst.error, "fps": worst.fps, "first_frame": window.start,
        "tracks": {name: _whole_mm(track[window]) for name, track in worst.tracks.items()},
    }  # fmt: skip


def _whole_mm(track_T25x3: NDArray[np.float32]) -> list[list[int | None]]:
    """Rows of 75; None for a joint without a finite place."""
    rows = 1000.0 * centred(track_T25x3).reshape(len(track_T25x3), -1)
    return [[round(float(value)) if np.isfinite(value) else None for value in row] for row in rows]
