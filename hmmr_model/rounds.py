"""One label round: trained models (teachers) label tracklets in 3D, for students to learn from.

The mean of the teachers' bodies is moved onto the tracklet's own 2D keypoints (refine.py), which is what makes the
labels better than the teachers (a student of unrefined labels gains nothing: docs/log/hmmr_model.md). These are
pseudo-labels: rows of the table `pseudo3d`, never of `labels3d`.

T frames, J 25 keypoints, K 10 betas. Metres, camera axes (x right, y down, z forward), pelvis at the origin; crop
coordinates [-1, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from body.cameras import weak_perspective
from hmmr_model.checkpoint import checkpoint_file, load_checkpoint
from hmmr_model.predict import Floats, Prediction, Predictor, predict_lake
from hmmr_model.refine import RefineConfig, refine_lake
from hmmr_model.tracks import in_crop
from storage.atomic import file_sha256
from storage.labels.key import digest, identity
from storage.lake import Lake
from storage.tables import TrackletArrays, row_views, tracklet_arrays

VERSION = "1"
"""Of what this file does; another number makes another round."""


@dataclass(frozen=True)
class RoundConfig:
    """How a round labels. `refined` False leaves the mean of the teachers, which is the control of a round."""

    refined: bool = True
    refine: RefineConfig = field(default_factory=RefineConfig)


@dataclass(frozen=True)
class Teacher:
    """A trained model that labels."""

    path: Path
    sha256: str
    predictor: Predictor
    snapshot: str | None
    """Digest of the pool that it was trained on."""
    learnt_from: str | None
    """The label round that it learnt from itself."""


def load_teachers(names: Sequence[str | Path], device: str = "cpu") -> list[Teacher]:
    """The models by path, or `released`. BadCheckpointError names a file that is none; ValueError for none at all, for
    one that is named twice, or for two that were trained with different bodies."""
    if not names:
        raise ValueError("a label round needs at least one teacher")
    teachers = []
    for path in map(checkpoint_file, names):
        checkpoint = load_checkpoint(path)
        learnt_from = checkpoint.config.data.pseudo3d or None
        predictor = Predictor(checkpoint, device)
        teachers.append(Teacher(path, file_sha256(path), predictor, checkpoint.snapshot, learnt_from))
    if len({teacher.sha256 for teacher in teachers}) < len(teachers):
        raise ValueError("a teacher is named twice: give each once")
    bodies = sorted({teacher.predictor.checkpoint.body for teacher in teachers})
    if len(bodies) > 1:
        raise ValueError(f"the teachers were trained with different bodies: {', '.join(bodies)}")
    return teachers


def round_id(teachers: Sequence[Teacher], config: RoundConfig) -> str:
    """The same teachers, settings and version give the same id, so that a round goes on where it was stopped."""
    return digest({
        "version": VERSION, "teachers": sorted(teacher.sha256 for teacher in teachers), "config": identity(config),
    })  # fmt: skip


def label_tracklets(
    lake: Lake, teachers: Sequence[Teacher], ids: Sequence[str], config: RoundConfig, name: str
) -> list[dict[str, Any]]:
    """Rows of `pseudo3d`, under the round's `name`, for those of `ids` that have every teacher's φ."""
    guesses = [predict_lake(teacher.predictor, lake, ids) for teacher in teachers]
    complete = [one for one in guesses[0] if all(one in known for known in guesses)]
    first, sha256s = teachers[0].predictor, sorted(teacher.sha256 for teacher in teachers)
    of_teachers = {one: [known[one] for known in guesses] for one in complete}
    predictions = {one: mean_prediction(of_teachers[one], first) for one in complete}
    if config.refined:
        phi_name = first.checkpoint.config.data.phi_name
        predictions = refine_lake(predictions, lake, first.body, config.refine, phi_name=phi_name)
    rows = []
    for row in _tracklets(lake, complete):
        tracklet = tracklet_arrays(row)
        rows.append({
            "tracklet_id": tracklet.tracklet_id, "source_id": tracklet.source_id, "label_key": row["label_key"],
            "round_id": name, "teachers": sha256s, "body": first.checkpoint.body,
            "apart_m": teachers_apart(of_teachers[tracklet.tracklet_id]),
            **_labels(predictions[tracklet.tracklet_id], tracklet, config.refine.min_score),
        })  # fmt: skip
    return rows


def _tracklets(lake: Lake, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    table = lake.read("tracklets", None, pc.field("tracklet_id").isin(pa.array(list(ids), pa.string())))
    return list(row_views(table.sort_by("tracklet_id")))


def mean_prediction(predictions: Sequence[Prediction], predictor: Predictor) -> Prediction:
    """The teachers' mean: rotations by the chordal L2 mean (Hartley et al., Rotation Averaging, IJCV 2013, section
    5.3), betas and cameras by the arithmetic one, keypoints from the mean body. Past and future are left out."""
    first = predictions[0]
    if len(predictions) == 1:
        rotations_TJ33, betas_TK, camera_T3 = first.rotations, first.betas, first.camera
    else:
        rotations_TJ33 = mean_rotation(np.stack([guess.rotations for guess in predictions]))
        betas_TK = np.mean([guess.betas for guess in predictions], axis=0)
        camera_T3 = np.mean([guess.camera for guess in predictions], axis=0)
    with torch.inference_mode():
        points, joints = predictor.body(torch.from_numpy(rotations_TJ33), torch.from_numpy(betas_TK))
    return replace(
        first, rotations=rotations_TJ33, betas=betas_TK, camera=camera_T3,
        keypoints_3d=np.asarray((points - joints[:, :1]).numpy()), past=None, future=None, hallucinated=None,
        hallucinated_past=None, hallucinated_future=None,
    )  # fmt: skip


def mean_rotation(rotations_N33: Floats) -> Floats:
    """(N, ..., 3, 3) to the rotations (..., 3, 3) whose squared matrix distances to the N add up to least: the mean
    matrix, projected onto rotations by its singular value decomposition."""
    u, _, vt = np.linalg.svd(rotations_N33.mean(axis=0).astype(np.float64))
    sign = np.ones(u.shape[:-1])
    sign[..., -1] = np.linalg.det(u @ vt)
    return np.asarray((u * sign[..., None, :]) @ vt, np.float32)


def teachers_apart(predictions: Sequence[Prediction]) -> float:
    """Mean distance, m, of the teachers' keypoints from their mean; 0 for one teacher."""
    points_NTJ3 = np.stack([guess.keypoints_3d for guess in predictions])
    return float(np.linalg.norm(points_NTJ3 - points_NTJ3.mean(axis=0), axis=-1).mean())


def _labels(prediction: Prediction, tracklet: TrackletArrays, min_score: float) -> dict[str, Any]:
    seen_TJ3 = in_crop(tracklet.keypoints, tracklet.boxes)
    confidence_TJ = np.where(seen_TJ3[..., 2] >= min_score, np.clip(seen_TJ3[..., 2], 0, 1), 0).astype(np.float32)
    points_TJ3, camera_T3 = torch.from_numpy(prediction.keypoints_3d), torch.from_numpy(prediction.camera)
    places_TJ2 = weak_perspective(points_TJ3, camera_T3).numpy()
    off_TJ = np.linalg.norm(places_TJ2 - seen_TJ3[..., :2], axis=-1)
    used = confidence_TJ > 0
    frames = len(confidence_TJ)
    return {
        "rotations": prediction.rotations.reshape(frames, 216), "betas": prediction.betas.mean(axis=0),
        "keypoints_3d": prediction.keypoints_3d.reshape(frames, 75), "confidence": confidence_TJ,
        "reprojection": float(off_TJ[used].mean()) if used.any() else 0.0,
    }  # fmt: skip
