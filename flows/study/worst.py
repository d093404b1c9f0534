"""Keeps the dev sequences with the highest error of one cell in the lake, as skeletons for the page."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from evaluation.protocols.registry import protocol_named
from evaluation.score import sequence_name
from evaluation.study.worst import Worst, keep_worst, worst_sequences
from flows.provenance import code_commit
from flows.study.cells import Cell, HeldOut, StudyContext
from hmmr_model.predict import Prediction, predict_lake
from storage.lake import Lake
from storage.tables import Labels3D, iter_tracklets, read_labels3d

METRIC = "pa_mpjpe_mm"
COUNT = 3


def show_worst(cell: Cell, context: StudyContext, held_out: HeldOut) -> None:
    """Keeps the COUNT dev sequences with the highest error of this cell; none where dev was not scored."""
    began, run_id = datetime.now(UTC), cell.run_id(context)
    truth = Lake(held_out.lake)
    errors = worst_sequences(
        Lake(context.lake), run_id, dataset=held_out.dataset, split="dev", metric=METRIC, count=COUNT
    )
    protocol = protocol_named(held_out.protocol)
    known = read_labels3d(truth, split="dev")
    films = {tracklet_id: sequence_name(label.truth_id, protocol) for tracklet_id, label in known.items()}
    labels = {tracklet_id: label for tracklet_id, label in known.items() if films[tracklet_id] in errors}
    checkpoint = context.out / run_id / "model.pt"
    if not labels or not Path(checkpoint).exists():
        return
    predictions = predict_lake(checkpoint, truth, list(labels))
    rates = {tracklet.tracklet_id: tracklet.fps for tracklet in iter_tracklets(truth, list(labels))}
    shown = [
        Worst(
            label.truth_id,
            errors[films[tracklet_id]],
            rates[tracklet_id],
            shown_tracks(label, predictions[tracklet_id]),
        )
        for tracklet_id, label in labels.items()
        if tracklet_id in predictions
    ]
    shown.sort(key=lambda sequence: -sequence.error)
    which = {
        "study": context.study, "phi_name": cell.train.data.phi_name, "run_id": run_id, "dataset": held_out.dataset,
        "split": "dev", "metric": METRIC,
    }  # fmt: skip
    keep_worst(Lake(context.lake), shown[:COUNT], which, command=context.command, commit=code_commit(), began=began)


def shown_tracks(label: Labels3D, prediction: Prediction) -> dict[str, np.ndarray]:
    """What the page draws of one tracklet: truth, present, and past and future where the model has such heads."""
    tracks = {"truth": label.keypoints_3d, "present": prediction.keypoints_3d}
    for name, pose in (("past", prediction.past), ("future", prediction.future)):
        if pose is not None:
            tracks[name] = pose.keypoints_3d
    return tracks
