"""Labels of one shot as rows of the lake's tables (storage/schema.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.boxes import person_size
from body.joints import KEYPOINTS_25
from harvest.filters.presets import Preset
from harvest.filters.tracks import Rejection, Run
from harvest.network_cache import CachedPhi
from harvest.shot_labels import Person
from harvest.sources.expand import Source
from storage.stage_cache import Kept

EXAMPLE_FRAMES = 3
"""Frames of a rejected stretch whose keypoints are kept in its row, for drawing."""


@dataclass(frozen=True)
class VideoFacts:
    """What all rows of one video share. Sizes in px, `rate` in frames/s, `time_base` in seconds per PTS tick."""

    source: Source
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    licence: str
    label_key: str
    backend: str
    joints: tuple[str, ...]
    preset: Preset


@dataclass(frozen=True)
class ShotFacts:
    """Where a shot lies in its video. Entry n of the sequences belongs to frame n of the shot."""

    shot_index: int
    frame_index: Sequence[int]
    pts: Sequence[int]


def tracklet_id(video: VideoFacts, shot: ShotFacts, person_index: int, first_frame: int) -> str:
    """32 hex digits: the same labels of the same video give the same id."""
    text = f"{video.source.item_id}/{shot.shot_index}/{person_index}/{first_frame}/{video.label_key}"
    return sha256(text.encode()).hexdigest()[:32]


def tracklet_row(video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, run: Run) -> dict[str, Any]:
    """One run of a track as a row of `tracklets`, without its time of commit."""
    first, stop = person.track.start + run.start, person.track.start + run.stop
    cut = slice(run.start, run.stop)
    keypoints, observed = person.keypoints[cut], person.track.observed[cut]
    return {
        "tracklet_id": tracklet_id(video, shot, person_index, shot.frame_index[first]),
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": person_index,
        "fps_num": video.rate.numerator,
        "fps_den": video.rate.denominator,
        "time_base_num": video.time_base.numerator,
        "time_base_den": video.time_base.denominator,
        "width": video.width,
        "height": video.height,
        "frame_index": np.array(shot.frame_index[first:stop], dtype=np.int32),
        "pts": np.array(shot.pts[first:stop], dtype=np.int64),
        "observed": observed,
        "boxes": person.labels.boxes.between(first, stop),
        "keypoints": keypoints.reshape(-1, 75),
        "n_frames": stop - first,
        "seconds": float((stop - first) / video.rate),
        "mean_score": float(keypoints[observed][:, _joints_of(video), 2].mean()),
        "bridged_share": float(1 - observed.mean()),
        **_quality(video, person.track.keypoints[cut][observed]),
        "tags": list(video.source.tags),
        "backend": video.backend,
        "preset": video.preset.name,
        "licence": video.licence,
        "label_key": video.label_key,
    }


def _joints_of(video: VideoFacts) -> list[int]:
    return [KEYPOINTS_25.index(name) for name in video.joints]


def _quality(video: VideoFacts, keypoints_TJ3: NDArray[np.float32]) -> dict[str, float]:
    """Columns of quality, from the raw scores that the preset's threshold refers to."""
    scores = keypoints_TJ3[:, _joints_of(video), 2]
    return {
        "visible_joints": float((scores >= video.preset.visible_score).sum(axis=1).mean()),
        "median_diagonal_px": person_size(keypoints_TJ3, video.preset.visible_score, default=0.0),
    }


def feature_rows(
    video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, run: Run, phis: Sequence[CachedPhi]
) -> list[dict[str, Any]]:
    """One row of `features` for each φ of one run. The features themselves stay on the disk (`read_features`)."""
    first, stop = person.track.start + run.start, person.track.start + run.stop
    rows = []
    for p, phi in enumerate(phis):
        features, zero_shot = phi.kept(person.labels.feature_rows[p].between(first, stop))
        rows.append({
            "tracklet_id": tracklet_id(video, shot, person_index, shot.frame_index[first]),
            "source_id": video.source.item_id,
            "phi_name": phi.name,
            "phi_dim": phi.dim,
            "phi": features,
            "zero_shot_3d": zero_shot,
            "turn": person.labels.turns[p].between(first, stop) if phi.is_turned else None,
            "label_key": video.label_key,
        })  # fmt: skip
    return rows


def read_features(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `features` with the features read from the disk. OSError or ValueError if the file is gone."""
    kept = {name: value.read() for name, value in row.items() if isinstance(value, Kept)}
    return {**row, **kept, **({"phi": kept["phi"].tobytes()} if "phi" in kept else {})}


def reject_row(video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, why: Rejection) -> dict[str, Any]:
    """A rejected stretch of a track as a row of `rejects`."""
    first, last = person.track.start + why.start, person.track.start + why.stop - 1
    seen = why.start + np.flatnonzero(person.track.observed[why.start : why.stop])
    examples = seen[np.linspace(0, len(seen) - 1, min(EXAMPLE_FRAMES, len(seen))).astype(int)] if len(seen) else seen
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": person_index,
        "first_frame": shot.frame_index[first],
        "last_frame": shot.frame_index[last],
        "n_frames": why.stop - why.start,
        "stage": "filter",
        "reason": why.reason,
        "measured": why.measured,
        "threshold": float(why.threshold),
        "preset": video.preset.name,
        "label_key": video.label_key,
        "keypoints": person.track.keypoints[examples].reshape(-1, 75) if len(examples) else None,
    }


def shot_row(video: VideoFacts, shot: ShotFacts, n_tracks: int) -> dict[str, Any]:
    """A shot as a row of `shots`. `n_tracks`: people in it, before any filter."""
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "first_frame": shot.frame_index[0],
        "last_frame": shot.frame_index[-1],
        "first_pts": shot.pts[0],
        "last_pts": shot.pts[-1],
        "n_tracks": n_tracks,
        "label_key": video.label_key,
    }


def nobody_row(video: VideoFacts, shot: ShotFacts) -> dict[str, Any]:
    """A shot in which nobody was seen, as a row of `rejects`."""
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": -1,
        "first_frame": shot.frame_index[0],
        "last_frame": shot.frame_index[-1],
        "n_frames": len(shot.pts),
        "stage": "people",
        "reason": "no_person",
        "measured": 0.0,
        "threshold": 1.0,
        "preset": video.preset.name,
        "label_key": video.label_key,
        "keypoints": None,
    }


MOST_STRETCHES = 64
"""A video with more stretches of missing pictures has one row for all of them."""


def missing_rows(video: VideoFacts, missing_F: NDArray[np.bool_], reason: str) -> list[dict[str, Any]]:
    """Pictures of the file that are in no shot, as rows of `rejects`: one for each stretch of consecutive pictures."""
    index = np.flatnonzero(missing_F)
    stretches = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []
    return [
        {
            "source_id": video.source.item_id,
            "shot_index": -1,
            "person_index": -1,
            "first_frame": int(stretch[0]),
            "last_frame": int(stretch[-1]),
            "n_frames": len(stretch),
            "stage": "decode",
            "reason": reason,
            "measured": float(len(index)),
            "threshold": 0.0,
            "preset": video.preset.name,
            "label_key": video.label_key,
            "keypoints": None,
        }
        for stretch in (stretches if len(stretches) <= MOST_STRETCHES else [index])
    ]


def video_reject_row(video: Mapping[str, Any], preset: str, reason: str) -> dict[str, Any]:
    """A whole video that was not kept, as a row of `rejects`; `video` is its row of `videos`."""
    return {
        "source_id": video["source_id"],
        "shot_index": -1,
        "person_index": -1,
        "first_frame": 0,
        "last_frame": video["n_frames"] - 1,
        "n_frames": video["n_frames"],
        "stage": "filter",
        "reason": reason,
        "measured": None,
        "threshold": None,
        "preset": preset,
        "label_key": video["label_key"],
        "keypoints": None,
    }
