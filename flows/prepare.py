"""Turns a benchmark's frames and labels into a lake: boxes, crops, image features, 2D and 3D labels.

What `hmmr train --labelled` and `hmmr evaluate` read is the same lake that a harvest makes, so both know nothing of
benchmarks. T frames of a run, 25 universal keypoints; metres in the camera frame, pixels of the source frame.

Labels that are SMPL's give their 25 keypoints through the user's own SMPL files (`BodyKeypoints`).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body.boxes import smooth_boxes
from body.joints import SMPL_24
from body.keypoints import KeypointModel
from body.smpl_file import BodyArrays, read_body
from evaluation.errors import EvaluationError
from evaluation.readers.datasets import Dataset
from evaluation.readers.pictures import pictures
from evaluation.readers.truth_files import write_truth
from evaluation.sequence import BenchmarkSequence
from harvest.duplicates import fingerprint
from harvest.phi.protocol import Phi, TurnedPhi
from storage.lake import Lake
from storage.tables import rows_to_table

MAX_FPS = 30.0
"""Faster sequences are thinned to half, a third ...: training takes 20 to 30 frames a second."""
ASSUMED_FPS = Fraction(25)
"""Frame rate where a release names none. The tracklet then has the tag fps_unknown and its motion is not scored."""
VISIBLE = 0.1
"""Keypoints with less do not shape the box: HMMR's threshold for 3DPW (docs/paper.md 3.4)."""
FRAMES_AT_ONCE = 32
ANKLES_AS_HEELS = {"h36m": ((23, 5), (24, 0))}
"""HMMR's records put Human3.6M's ankles into the slots of the heels, which its mocap lacks (docs/paper.md 1.2)."""

Keypoints = Callable[[BenchmarkSequence], NDArray[np.float64] | None]
"""3D keypoints (T, 25, 3) of a sequence that come from a body model; None where there is none."""


@dataclass
class Prepared:
    """Counts of one run of `prepare`."""

    tracklets: int = 0
    frames: int = 0
    there: int = 0
    """Tracklets that an earlier run had finished."""
    counted: Counter[str] = field(default_factory=Counter)
    """What was left out or mended, by reason."""


def prepare(
    dataset: Dataset,
    root: Path,
    lake: Lake,
    phi: Phi,
    *,
    from_body: Keypoints | None = None,
    splits: Sequence[str] = (),
) -> Iterator[Prepared]:
    """Writes every sequence of the benchmark, or of `splits`, into the lake; yields the counts after each one.

    Each tracklet is one commit, its features and labels first, so it may be killed and run again.
    """
    written = set(lake.read("tracklets", ["tracklet_id"]).column(0).to_pylist())
    done = Prepared()
    for sequence in dataset.sequences(root):
        if splits and sequence.split not in splits:
            continue
        for run in runs(thinned(sequence)):
            name = tracklet_id(run, phi)
            if name in written:
                done.there += 1
                continue
            done.counted.update({reason: count for reason, count in run.counted.items() if count})
            _prepare_run(root, lake, phi, name, run, from_body, done)
        yield done


def thinned(sequence: BenchmarkSequence, max_fps: float = MAX_FPS) -> BenchmarkSequence:
    """Every n-th frame, with the least n that brings the rate to `max_fps`; unchanged where the rate is unknown."""
    step = 1 if sequence.fps is None else int(np.ceil(sequence.fps / max_fps - 1e-6))
    if step <= 1:
        return sequence
    return sequence.taken(np.arange(0, len(sequence), step), None if sequence.fps is None else sequence.fps / step)


def runs(sequence: BenchmarkSequence) -> Iterator[BenchmarkSequence]:
    """Splits a sequence at gaps into runs of evenly spaced frames, each from its first to its last valid frame.

    Yields nothing for a sequence without 2D labels.
    """
    gaps = np.diff(sequence.frame_ids)
    step = int(np.median(gaps)) if len(gaps) else 1
    for part in np.split(np.arange(len(sequence)), np.flatnonzero(gaps != step) + 1):
        valid = part[sequence.valid[part]]
        if len(valid) and sequence.joints_2d is not None:
            yield sequence.taken(np.arange(valid[0], valid[-1] + 1), sequence.fps)


def tracklet_id(run: BenchmarkSequence, phi: Phi) -> str:
    """Stable id of the same frames of the same person under the same φ."""
    text = (
        f"{run.dataset}/{run.split}/{run.name}/{run.frame_ids[0]}/{len(run)}/{phi.name}/{sorted(phi.weights.items())}"
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _prepare_run(
    root: Path, lake: Lake, phi: Phi, name: str, run: BenchmarkSequence, from_body: Keypoints | None, done: Prepared
) -> None:
    assert run.joints_2d is not None  # `runs` gives no other
    keypoints = run.joints_2d.keypoints_25(0.0)
    try:
        boxes = smooth_boxes(keypoints, VISIBLE)
    except ValueError:
        done.counted["runs_without_two_visible_keypoints"] += 1
        return
    seen = _look(root, run, phi, boxes, keypoints)
    if seen is None:
        done.counted["runs_without_pictures"] += 1
        return
    done.counted["missing_pictures"] += int((~seen.there).sum())
    source = f"{run.dataset}:{run.name}"
    labels = _labels(run, seen.there, keypoints, from_body)
    common = {"tracklet_id": name, "source_id": source, "label_key": f"prepare/{phi.name}"}
    rows = {
        "features": _features(run, phi, seen, keypoints, common),
        "labels3d": None if labels is None else labels | {"tracklet_id": name, "source_id": source},
        "videos": _video(run, seen, common),
        "tracklets": _tracklet(run, seen, boxes, keypoints, common),
    }
    if run.joints_3d is not None:
        write_truth(lake.root, name, run.joints_3d)
    for table, row in rows.items():
        if row is not None:
            lake.append(table, rows_to_table(table, [row]), transaction=f"prepare/{table}/{name}")
    done.tracklets, done.frames = done.tracklets + 1, done.frames + len(run)


@dataclass(frozen=True)
class _Seen:
    """What one pass over the pictures of a run gives."""

    phi: NDArray[np.float32]
    zero_shot: NDArray[np.float32] | None
    there: NDArray[np.bool_]
    size: tuple[int, int]
    sha256: str
    fingerprints: list[int]


def _look(
    root: Path, run: BenchmarkSequence, phi: Phi, boxes: NDArray[np.float32], keypoints: NDArray[np.float32]
) -> _Seen | None:
    """Features of every frame. A missing picture is replaced by the one before it, and its frame has no label."""
    parts: list[tuple[NDArray[np.float32], NDArray[np.float32] | None]] = []
    batch: list[NDArray[np.uint8]] = []
    there, prints, digest = np.zeros(len(run), bool), [], hashlib.sha256()
    interval = max(1, round(run.fps or float(ASSUMED_FPS)))
    last: NDArray[np.uint8] | None = None
    waiting = 0
    for i, picture in enumerate(pictures(run, root)):
        if picture is not None:
            there[i], last = True, picture
            digest.update(picture.tobytes())
            prints += [fingerprint(picture)] if i % interval == 0 else []
        if last is None:
            waiting += 1  # nothing yet to stand in: the first picture serves the frames before it
            continue
        batch += [last] * (1 + waiting)
        waiting = 0
        if len(batch) >= FRAMES_AT_ONCE or i == len(run) - 1:
            rows = slice(i + 1 - len(batch), i + 1)
            parts.append(phi.features(batch, boxes[rows], keypoints[rows]))
            batch = []
    if last is None:
        return None
    zero_shot = [z for _, z in parts if z is not None]
    features = np.concatenate([f for f, _ in parts])
    size = (last.shape[1], last.shape[0])
    return _Seen(features, np.concatenate(zero_shot) if zero_shot else None, there, size, digest.hexdigest(), prints)


def _labels(
    run: BenchmarkSequence, there: NDArray[np.bool_], keypoints: NDArray[np.float32], from_body: Keypoints | None
) -> dict[str, Any] | None:
    """The row of labels3d. Joints of the SMPL skeleton are not the 25 keypoints (hazard 16): those need the body."""
    points_T25x3 = from_body(run) if from_body else None
    if points_T25x3 is None and run.joints_3d is not None and run.joints_3d.names != SMPL_24:
        points_T25x3 = run.joints_3d.keypoints_25(np.nan).astype(np.float64)
        for ankle, heel in ANKLES_AS_HEELS.get(run.dataset, ()):
            points_T25x3[:, heel] = points_T25x3[:, ankle]
    if points_T25x3 is None and run.body is None:
        return None
    if points_T25x3 is None:
        points_T25x3 = np.full((len(run), 25, 3), np.nan)
    flat = np.concatenate([keypoints[..., :2], keypoints[..., 2:] > 0.3], -1)
    for ankle, heel in ANKLES_AS_HEELS.get(run.dataset, ()):
        flat[:, heel] = flat[:, ankle]
    valid = run.valid & there
    row: dict[str, Any] = {
        "truth_id": run.name,
        "split": run.split,
        "body": "" if run.body is None else run.body.name,
        "valid": valid,
        "keypoints_3d": points_T25x3.reshape(-1, 75).astype(np.float32),
        "keypoints_2d": flat.reshape(-1, 75).astype(np.float32),
    }
    if run.body is None:
        return row
    turns = Rotation.from_rotvec(np.nan_to_num(run.body.axis_angles).reshape(-1, 3)).as_matrix()
    row |= {"rotations": turns.reshape(-1, 216).astype(np.float32), "betas": run.body.betas.astype(np.float32)}
    place = run.body.translation
    return row | {"translation": None if place is None else np.nan_to_num(place).astype(np.float32)}


def _features(
    run: BenchmarkSequence, phi: Phi, seen: _Seen, keypoints: NDArray[np.float32], common: dict[str, str]
) -> dict[str, Any]:
    return common | {
        "phi_name": phi.name,
        "phi_dim": phi.dim,
        "phi": seen.phi.astype("<f2").tobytes(),
        "zero_shot_3d": None if seen.zero_shot is None else seen.zero_shot.reshape(len(run), 75),
        "turn": phi.turns(keypoints) if isinstance(phi, TurnedPhi) else None,
    }


def _rates(run: BenchmarkSequence) -> tuple[Fraction, Fraction]:
    """Working rate, and seconds per unit of the frame number."""
    rate = ASSUMED_FPS if run.fps is None else Fraction(run.fps).limit_denominator(1001)
    step = int(run.frame_ids[1] - run.frame_ids[0]) if len(run) > 1 else 1
    return rate, 1 / (rate * step)


def _tracklet(
    run: BenchmarkSequence,
    seen: _Seen,
    boxes: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    common: dict[str, str],
) -> dict[str, Any]:
    rate, unit = _rates(run)
    visible = keypoints[..., 2] >= VISIBLE
    return common | {
        "shot_index": 0,
        "person_index": 0,
        "fps_num": rate.numerator,
        "fps_den": rate.denominator,
        "time_base_num": unit.numerator,
        "time_base_den": unit.denominator,
        "width": seen.size[0],
        "height": seen.size[1],
        "frame_index": run.frame_ids.astype(np.int32),
        "pts": run.frame_ids.astype(np.int64),
        "observed": run.valid & seen.there,
        "boxes": boxes,
        "keypoints": keypoints.reshape(-1, 75),
        "n_frames": len(run),
        "seconds": len(run) / float(rate),
        "mean_score": float(keypoints[..., 2].mean()),
        "visible_joints": float(visible.sum(1).mean()),
        "median_diagonal_px": float(np.median(boxes[:, 2] - boxes[:, 0]) * 150 / 224),
        "tags": [run.dataset] + ([] if run.fps is not None else ["fps_unknown"]),
        "backend": f"{run.dataset} labels",
        "preset": "benchmark",
        "licence": "closed",
        "committed_at": datetime.now(UTC),
    }


def _video(run: BenchmarkSequence, seen: _Seen, common: dict[str, str]) -> dict[str, Any]:
    rate, _ = _rates(run)
    return {
        "source_id": common["source_id"],
        "url": run.name,
        "host": "local",
        "content_sha256": seen.sha256,
        "fingerprints": seen.fingerprints,
        "width": seen.size[0],
        "height": seen.size[1],
        "n_frames": len(run),
        "duration_s": len(run) / float(rate),
        "bytes": 0,
        "licence": "closed",
        "evidence": "{}",
        "tags": [run.dataset],
        "provenance": "{}",
        "stage_seconds": "{}",
        "label_key": common["label_key"],
        "committed_at": datetime.now(UTC),
    }


def body_file(folder: Path, name: str) -> Path:
    """SMPL_MALE.npz or .pkl for smpl_male, and so on; EvaluationError names what is missing."""
    stem = folder / f"SMPL_{name.removeprefix('smpl_').upper()}"
    files = [path for path in (stem.with_suffix(".npz"), stem.with_suffix(".pkl")) if path.is_file()]
    if not files:
        raise EvaluationError(f"no {stem.name}.npz or .pkl in {folder}")
    return files[0]


class BodyKeypoints:
    """Keypoints (T, 25, 3) m in the camera frame from the labelled, gendered body.

    The regressor of 25 points is the one in SMPL_NEUTRAL (HMMR's neutral_smpl_with_cocoplustoesankles_reg.pkl under
    that name); the gendered files of the SMPL site have none, and share its vertices.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._regressor = read_body(body_file(folder, "smpl_neutral")).keypoint_regressor
        if self._regressor is None:
            raise EvaluationError(f"SMPL_NEUTRAL in {folder} has no keypoint regressor: use the file of HMMR's release")
        self._models: dict[str, KeypointModel] = {}

    def __call__(self, sequence: BenchmarkSequence) -> NDArray[np.float64] | None:
        """None where the sequence has no body."""
        motion = sequence.body
        if motion is None:
            return None
        known = np.isfinite(motion.axis_angles).all((1, 2))
        turns = Rotation.from_rotvec(motion.axis_angles[known].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        shape = np.tile(motion.betas, (len(turns), 1))
        with torch.no_grad():
            points, _ = self._model(motion.name)(torch.as_tensor(turns).float(), torch.as_tensor(shape).float())
        result = np.full((len(sequence), 25, 3), np.nan)
        result[known] = points.numpy()
        return result if motion.translation is None else result + motion.translation[:, None]

    def _model(self, name: str) -> KeypointModel:
        if name not in self._models:
            arrays: BodyArrays = read_body(body_file(self._folder, name))
            self._models[name] = KeypointModel(arrays, self._regressor)
        return self._models[name]
