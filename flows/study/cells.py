"""One cell of a study: train on so much of the lake with this seed, score on what was held out, keep the rows.

A cell is keyed by everything that made it; a cell whose scores are in the lake is not run again.

What a lake has scores of, read once for many cells: with hundreds of cells the table has as many files.

One process at a time in a folder.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
from filelock import FileLock

from evaluation.baselines import Motions
from evaluation.protocols.registry import protocol_named
from evaluation.score import score_sequences
from evaluation.score_rows import Scored, score_rows
from flows.provenance import code_commit
from flows.study.cell_data import cell_data
from flows.study.context import Cell, HeldOut, StudyContext
from hmmr_model.predict import predict_lake
from hmmr_model.train import train
from storage.lake import Lake
from storage.runs import run_row
from storage.tables import iter_tracklets, read_labels3d, rows_to_table

Key = tuple[str, str, str, str, str]
"""Study, run, variant, dataset, split."""

_COLUMNS = ["study", "run_id", "variant", "dataset", "split"]


def scored_sets(lake: Path, run_id: str | None = None) -> set[Key]:
    """Every key that there are scores of; of one run where it is named."""
    where = None if run_id is None else pc.field("run_id") == run_id
    table = Lake(lake).read("scores", _COLUMNS, where)
    told = table.group_by(_COLUMNS).aggregate([]).to_pylist()
    return {(row["study"], row["run_id"], row["variant"], row["dataset"], row["split"]) for row in told}


def missing_splits(cell: Cell, context: StudyContext, have: set[Key] | None = None) -> list[tuple[HeldOut, str]]:
    """Test sets and splits that the lake has no score of this cell for, of those that have the cell's φ.

    `have` is what the lake is known to have; None looks.
    """
    run_id, phi_name = cell.run_id(context), cell.train.data.phi_name
    known = scored_sets(context.lake, run_id) if have is None else have
    wanted = [(held_out, split) for held_out in context.held_out for split in held_out.splits]
    return [
        (held_out, split)
        for held_out, split in wanted
        if (context.study, run_id, cell.variant, held_out.dataset, split) not in known and held_out.has(phi_name)
    ]


def run_cell(cell: Cell, context: StudyContext) -> str:
    """Train and score what is missing of the cell; returns its run id. Safe to kill, to run again, and to run twice
    at once: the second waits for the first."""
    run_id = cell.run_id(context)
    with locked(context.out / run_id):
        wanted = missing_splits(cell, context)
        if not wanted:
            return run_id
        checkpoint, hours = _trained(cell, context, run_id)
        for held_out, split in wanted:
            scored = Scored(
                run_id=run_id, variant=cell.variant, dataset=held_out.dataset, split=split, commit=code_commit(),
                scored_at=datetime.now(UTC), study=context.study, phi_name=cell.train.data.phi_name, hours=hours,
                seed=cell.seed,
            )  # fmt: skip
            keep_scores(Lake(context.lake), _predicted(checkpoint, held_out, split), held_out, scored)
    return run_id


def _trained(cell: Cell, context: StudyContext, run_id: str) -> tuple[Path, float]:
    """Checkpoint of the cell and its nominal hours: whole sources differ a little from seed to seed.

    A model that is there and has its row is only scored: a row is written when its training has ended.
    """
    data, lake, checkpoint = cell_data(cell, context), Lake(context.lake), context.out / run_id / "model.pt"
    if checkpoint.exists() and lake.read("runs", ["run_id"], pc.field("run_id") == run_id).num_rows:
        return checkpoint, data.nominal_hours
    began, ceiling = datetime.now(UTC), cell.variant == "ceiling"
    result = train(
        replace(cell.train, seed=cell.seed),
        data.lake(),
        [Lake(context.labelled), lake] if ceiling else [Lake(context.labelled)],
        context.out / run_id,
        tracklet_ids=None if ceiling else data.tracklet_ids,
        labelled_ids=_with_3d(cell, data.tracklet_ids if ceiling else ()),
        snapshot=data.snapshot,
    )
    told = asdict(cell.train) | {"share": cell.share, "variant": cell.variant, "hours": data.hours, "seed": cell.seed}
    if cell.labelled_ids is not None:
        told |= {"labelled_tracklets": len(cell.labelled_ids), "noise": cell.noise}
    if cell.labels is not None:
        told |= {"labels": cell.labels}
    row = run_row(
        "train", run_id, began, told, command=context.command, commit=code_commit(), seconds=result.seconds,
        snapshot=data.snapshot, checkpoint=str(result.checkpoint), curves=result.curves,
    )  # fmt: skip
    lake.append("runs", rows_to_table("runs", [row]), transaction=f"run/{context.study}/{run_id}")
    return result.checkpoint, data.nominal_hours


def _with_3d(cell: Cell, added: tuple[str, ...]) -> tuple[str, ...] | None:
    """Tracklets whose 3D counts; None is every one of the labelled lakes."""
    return None if cell.labelled_ids is None else cell.labelled_ids + added


def _predicted(checkpoint: Path, held_out: HeldOut, split: str) -> Motions:
    """Current prediction of each tracklet of the split, (T, 25, 3) m."""
    lake = Lake(held_out.lake)
    found = predict_lake(checkpoint, lake, list(read_labels3d(lake, split=split)))
    return {tracklet_id: prediction.keypoints_3d for tracklet_id, prediction in found.items()}


def keep_scores(lake: Lake, motions: Motions, held_out: HeldOut, scored: Scored) -> None:
    """Score `motions` on one split by the set's protocol and append the rows to the lake, once."""
    truth, protocol = Lake(held_out.lake), protocol_named(held_out.protocol)
    labels = read_labels3d(truth, split=scored.split)
    rates = {tracklet.tracklet_id: tracklet.fps for tracklet in iter_tracklets(truth, list(labels))}
    rows = score_rows(score_sequences(motions, labels, protocol, fps=rates), protocol, scored)
    key = "/".join((scored.study, scored.run_id, scored.variant, scored.dataset, scored.split))
    lake.append("scores", rows_to_table("scores", rows), transaction=f"score/{key}")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made if it is not there; waits for whoever holds it. A process that dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield
