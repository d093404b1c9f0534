"""One evaluation from a checkpoint to rows: predicts, checks for leaks into training, scores, keeps the rows.

Beside the protocol's own metrics it scores past and future poses and meshes, compares with the untrained baselines, and
keeps the worst sequences as skeletons.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, indices
from body.model import BodyModel
from evaluation.baselines import UNTRAINED
from evaluation.bootstrap import intervals
from evaluation.contamination import Match, contamination
from evaluation.delta_scores import delta_scores
from evaluation.errors import ContaminatedError, EvaluationError, ProtocolMismatchError
from evaluation.metrics.mesh_errors import mesh_errors
from evaluation.metrics.mesh_joints import MeshJoints, read_regressor
from evaluation.protocols.definition import Protocol
from evaluation.protocols.joints import BodyNamed, labels_for, predicted_joints, scored_names
from evaluation.protocols.registry import check_fits
from evaluation.score import (
    MICRO,
    Scored,
    SequenceScore,
    aggregate,
    score_row,
    score_rows,
    score_sequences,
    sequence_name,
    with_values,
)
from evaluation.study.worst import Worst, keep_worst
from flows.prepare import body_file
from flows.provenance import code_commit
from flows.study.worst import shown_tracks
from hmmr_model.checkpoint import Checkpoint, load_checkpoint
from hmmr_model.predict import Prediction, Predictor, predict_lake
from hmmr_model.refine import refine_lake
from storage.atomic import file_sha256, write_atomically
from storage.lake import Lake
from storage.runs import run_row
from storage.snapshot import load
from storage.tables import Labels3D, read_labels3d, read_zero_shot, rows_to_table

SHOWN = 3
"""Number of worst sequences that the page draws."""


@dataclass(frozen=True)
class Request:
    """What is to be evaluated, and how."""

    checkpoint: Path
    dataset: str
    data: Path
    """A prepared or harvested lake with labels3d."""
    protocol: Protocol
    split: str
    trained_on: tuple[Path, ...]
    """Lakes that the checkpoint was trained on, pseudo-labelled and labelled."""
    device: str = "cpu"
    smpl: Path | None = None
    """Folder with SMPL_NEUTRAL, SMPL_MALE, SMPL_FEMALE (.npz or .pkl)."""
    regressor: Path | None = None
    allow_contaminated: bool = False
    unchecked: bool = False
    refine: bool = False
    """Score bodies moved onto the lake's 2D keypoints, as `hmmr predict` writes them."""
    command: str = ""


@dataclass(frozen=True)
class Outcome:
    """Scores, leaks and rows of one evaluation."""

    request: Request
    scores: list[SequenceScore]
    matches: list[Match]
    rows: list[dict[str, Any]]
    run: dict[str, Any]
    shown: list[Worst]
    """The worst sequences as skeletons, for the dashboard's page."""
    untrained: dict[str, dict[str, float]]
    """Means over sequences of the untrained baselines on the same frames, by baseline and metric."""


def evaluate(request: Request) -> Outcome:
    """Score the checkpoint. EvaluationError says what does not fit; nothing is written here."""
    began = datetime.now(UTC)
    protocol = request.protocol
    check_fits(protocol, request.dataset, protocol.joint_set if request.smpl else "keypoints_25")
    lake, checkpoint = Lake(request.data, create=False), load_checkpoint(request.checkpoint)
    labels = read_labels3d(lake, split=request.split)
    if not labels:
        raise EvaluationError(f"{request.data}: no 3D labels of split {request.split!r}; see `hmmr data prepare`")
    matches = _leaks(request, checkpoint, lake, sorted(labels))
    predictor = Predictor(checkpoint, request.device)
    predicted = predict_lake(predictor, lake, sorted(labels))
    if request.refine:
        predicted = refine_lake(predicted, lake, predictor.body, phi_name=checkpoint.config.data.phi_name)
    body = _bodies(request)
    motions = {
        name: predicted_joints(protocol, p.keypoints_3d, p.rotations, p.betas, body) for name, p in predicted.items()
    }
    truth = {name: labels_for(protocol, request.data, name, label, body) for name, label in labels.items()}
    rates = _known_rates(lake, set(labels))
    scores = score_sequences(motions, truth, protocol, fps=rates, names=scored_names(protocol))
    other_times = past_and_future(predicted, checkpoint, body, protocol)
    scores = with_values(scores, delta_scores(other_times, truth, protocol, scored_names(protocol)))
    if request.smpl is not None:
        scores = with_values(scores, mesh_values(predicted, labels, protocol, body))
    run = _run(request, checkpoint, began)
    shown = skeletons(worst(scores, SHOWN), labels, predicted, rates, protocol)
    return Outcome(
        request=request, scores=scores, matches=matches, rows=_rows(request, checkpoint, run, scores, matches), run=run,
        shown=shown, untrained=untrained_means(lake, labels, protocol, checkpoint.config.data.phi_name),
    )  # fmt: skip


def keep(outcome: Outcome, lake: Lake, report: Path) -> None:
    """Append the rows to the lake, once, and write them as JSON, whole or not at all."""
    key = f"evaluate/{outcome.run['run_id']}"
    kept_before = outcome.run["run_id"] in lake.read("runs", ["run_id"]).column(0).to_pylist()
    lake.append("scores", rows_to_table("scores", outcome.rows), transaction=f"{key}/scores")
    lake.append("runs", rows_to_table("runs", [outcome.run]), transaction=f"{key}/run")
    if outcome.shown and not kept_before:
        request, run = outcome.request, outcome.run
        which = {"study": f"evaluation {run['run_id']}", "run_id": run["run_id"], "dataset": request.dataset}
        which |= {"split": request.split, "metric": "pa_mpjpe_mm"}
        provenance = {"command": request.command, "commit": run["commit"], "began": run["started_at"]}
        keep_worst(lake, outcome.shown, which, **provenance)
    write_atomically(report, json.dumps(_with_null(as_json(outcome)), indent=1, allow_nan=False).encode())


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The whole outcome for JSON: averages with intervals, sequences, baselines, leaks, published rows."""
    request, protocol = outcome.request, outcome.request.protocol
    return {
        "run_id": outcome.run["run_id"],
        "commit": outcome.run["commit"],
        "command": request.command,
        "checkpoint": str(request.checkpoint),
        "dataset": request.dataset,
        "split": request.split,
        "protocol": protocol.id,
        "averages": {metric: _average(outcome.scores, metric) for metric in sorted(aggregate(outcome.scores))},
        "sequences": [_sequence(score) for score in outcome.scores],
        "worst": [score.sequence for score in worst(outcome.scores)],
        "baselines": outcome.untrained,
        "contamination": [vars(match) for match in outcome.matches],
        "published": [vars(row) for row in protocol.published_for(request.dataset)],
    }


def _with_null(value: Any) -> Any:
    """`value` with null for NaN and infinity, which JSON does not have: strict readers refuse the whole file."""
    if isinstance(value, dict):
        return {key: _with_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def worst(scores: Sequence[SequenceScore], count: int = 5) -> list[SequenceScore]:
    """The sequences with the largest PA-MPJPE, worst first."""
    scored = [score for score in scores if "pa_mpjpe_mm" in score.per_frame]
    finite = [score for score in scored if math.isfinite(score.value("pa_mpjpe_mm"))]
    return sorted(finite, key=lambda score: -score.value("pa_mpjpe_mm"))[:count]


def _known_rates(lake: Lake, ids: set[str]) -> dict[str, float]:
    """Frames a second of each tracklet, but for those whose benchmark does not say it."""
    rows = lake.read("tracklets", ["tracklet_id", "fps_num", "fps_den", "tags"]).to_pylist()
    rated = (row for row in rows if row["tracklet_id"] in ids and "fps_unknown" not in row["tags"])
    return {row["tracklet_id"]: row["fps_num"] / row["fps_den"] for row in rated}


def _leaks(request: Request, checkpoint: Checkpoint, lake: Lake, ids: Sequence[str]) -> list[Match]:
    """Matches with everything trained on. Refuses where there is one, or where it cannot be known."""
    if request.unchecked:
        return []
    if not request.trained_on:
        raise ContaminatedError(
            "what the checkpoint was trained on must be compared with the test data before a number is written: "
            "--trained-on LAKE for each lake (pseudo-labelled and labelled), or --unchecked"
        )
    matches = [
        match
        for folder in request.trained_on
        for match in contamination(lake, ids, Lake(folder, create=False), _trained_ids(folder, checkpoint))
    ]
    if matches and not request.allow_contaminated:
        shown = "\n  ".join(map(str, matches[:10]))
        raise ContaminatedError(f"{len(matches)} leaks into the training data; --allow-contaminated:\n  {shown}")
    return matches


def _trained_ids(folder: Path, checkpoint: Checkpoint) -> list[str]:
    """The snapshot's tracklets where the lake holds it; of another lake, all that may have been trained on."""
    lake = Lake(folder, create=False)
    if checkpoint.snapshot and lake.layout.root and Path(lake.layout.snapshot(checkpoint.snapshot)).exists():
        return list(load(lake, checkpoint.snapshot).tracklet_ids)
    rows = lake.read("labels3d", ["tracklet_id", "split"]).to_pylist()
    held_out = {row["tracklet_id"] for row in rows if row["split"] in checkpoint.config.data.held_out}
    all_ids = lake.read("tracklets", ["tracklet_id"]).column(0).to_pylist()
    return [name for name in all_ids if name not in held_out]


def _bodies(request: Request) -> BodyNamed:
    """Bodies by name, each loaded once."""

    @cache
    def named(name: str) -> MeshJoints:
        if request.smpl is None:
            raise ProtocolMismatchError(f"{request.protocol.id} needs SMPL's files: --smpl DIR")
        body = BodyModel.load(body_file(request.smpl, name))
        rows = None if request.regressor is None else read_regressor(request.regressor, len(body.v_template))
        return MeshJoints(body, rows)

    return named


def _run(request: Request, checkpoint: Checkpoint, began: datetime) -> dict[str, Any]:
    settings = {"dataset": request.dataset, "split": request.split, "protocol": request.protocol.id}
    settings |= {"refined": "yes"} if request.refine else {}
    weights = file_sha256(request.checkpoint)
    key = json.dumps([weights, settings, code_commit(), request.trained_on == ()], default=str)
    return run_row(
        "evaluate", hashlib.sha256(key.encode()).hexdigest()[:16], began, settings | {"checkpoint_sha256": weights},
        command=request.command, commit=code_commit(), snapshot=checkpoint.snapshot, checkpoint=str(request.checkpoint),
    )  # fmt: skip


def _rows(
    request: Request,
    checkpoint: Checkpoint,
    run: dict[str, Any],
    scores: list[SequenceScore],
    matches: list[Match],
) -> list[dict[str, Any]]:
    config = checkpoint.config
    scored = Scored(
        run_id=run["run_id"],
        variant="refined" if request.refine else "evaluated",
        dataset=request.dataset,
        split=request.split,
        commit=run["commit"],
        scored_at=run["started_at"],
        phi_name=config.data.phi_name,
        seed=config.seed,
    )
    leaks = score_row(request.protocol, scored, MICRO, "leaked_tracklets_or_videos", len(matches), len(scores))
    return [*score_rows(scores, request.protocol, scored), leaks]


def _average(scores: list[SequenceScore], metric: str) -> dict[str, Any]:
    mean, (macro, micro) = aggregate(scores)[metric], intervals(scores, metric)
    return vars(mean) | {"macro_95": [macro.low, macro.high], "micro_95": [micro.low, micro.high]}


def _sequence(score: SequenceScore) -> dict[str, Any]:
    values = {metric: score.value(metric) for metric in sorted(score.per_frame)}
    row = {"sequence": score.sequence, "n_frames": score.n_frames, "excluded": score.excluded}
    return row | ({"n_nan": score.n_nan} | values if values else {})


_HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)


def past_and_future(
    predicted: Mapping[str, Prediction], checkpoint: Checkpoint, body: BodyNamed, protocol: Protocol
) -> dict[int, dict[str, NDArray[np.float32]]]:
    """Joints that the past and future heads predict, by delta and tracklet; betas are those of the present."""
    predictions: dict[int, dict[str, NDArray[np.float32]]] = {}
    for name, now in predicted.items():
        for delta in checkpoint.config.model.deltas:
            pose = now.past if delta < 0 else now.future
            if pose is not None:
                joints = predicted_joints(protocol, pose.keypoints_3d, pose.rotations, now.betas, body)
                predictions.setdefault(delta, {})[name] = joints
    return predictions


def mesh_values(
    predicted: Mapping[str, Prediction], labels: Mapping[str, Labels3D], protocol: Protocol, body: BodyNamed
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Per-vertex errors of each sequence whose labels have an SMPL body."""
    errors: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for name, now in predicted.items():
        label = labels[name]
        if label.body.startswith("smpl_"):
            bodies = body("smpl_neutral").body, body(label.body).body
            sequence_errors = errors.setdefault(sequence_name(label.truth_id, protocol), {})
            for metric, values in mesh_errors(now.rotations, now.betas, label, *bodies).items():
                sequence_errors.setdefault(metric, []).append(values)
    return {name: {m: np.concatenate(parts) for m, parts in metrics.items()} for name, metrics in errors.items()}


def skeletons(
    scores: Sequence[SequenceScore],
    labels: Mapping[str, Labels3D],
    predicted: Mapping[str, Prediction],
    rates: Mapping[str, float],
    protocol: Protocol,
) -> list[Worst]:
    """One tracklet of each of these sequences as skeletons; none where the labels lack the 25 keypoints."""
    skeleton_rows = []
    for score in scores:
        for name, label in labels.items():
            drawable = name in predicted and bool(np.isfinite(label.keypoints_3d[label.valid][:, _HIPS]).any())
            if drawable and sequence_name(label.truth_id, protocol) == score.sequence:
                tracks = shown_tracks(label, predicted[name])
                skeleton_rows.append(Worst(label.truth_id, score.value("pa_mpjpe_mm"), rates.get(name, 25.0), tracks))
                break
    return skeleton_rows


def untrained_means(
    lake: Lake, labels: Mapping[str, Labels3D], protocol: Protocol, phi_name: str | None = None
) -> dict[str, dict[str, float]]:
    """Means over sequences of the 2D network's own 3D on the labelled frames, by baseline (raw, smoothed) and metric.

    Where a tracklet has several, its 3D is the one that came with `phi_name`. Empty where φ brought no 3D, or the
    protocol scores other joints than the universal 25.
    """
    predicted = read_zero_shot(lake, list(labels), phi_name)
    if not predicted or protocol.joint_set != "keypoints_25":
        return {}
    means = {}
    for name, baseline in UNTRAINED.items():
        averages = aggregate(score_sequences(baseline(predicted), labels, protocol))
        means[name] = {metric: averages[metric].macro for metric in protocol.metrics if metric in averages}
    return means
