"""One cell of a study: train on so much of the lake with this seed, score on what was held out, keep the rows.

A cell is keyed by everything that made it; a cell whose scores are in the lake is not run again.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc

from evaluation.baselines import Motions
from evaluation.protocols import OPEN_V1
from evaluation.score import score_sequences
from evaluation.score_rows import Scored, score_rows
from flows.provenance import code_commit
from hmmr_model.config_json import to_json
from hmmr_model.configs import TrainConfig
from hmmr_model.predict import predict_lake
from hmmr_model.train import train
from storage.lake import Lake
from storage.snapshot import load, nested
from storage.tables import iter_tracklets, read_labels3d, rows_to_table


@dataclass(frozen=True)
class HeldOut:
    """A test set: a lake whose labels3d name the split."""

    dataset: str
    lake: Path
    splits: tuple[str, ...]


@dataclass(frozen=True)
class Ground:
    """What the cells of one study share: the lake with its frozen snapshot, the labelled set, the test sets."""

    study: str
    lake: Path
    snapshot: str
    labelled: Path
    held_out: tuple[HeldOut, ...]
    out: Path
    command: str
    """What to type to get the study again."""


@dataclass(frozen=True)
class Cell:
    """One point of a study. `share` is of the snapshot's hours, nested by source.

    Variants: `semi` adds pseudo-labels, `ceiling` the same films with their true 3D, `single_frame` has no temporal
    encoder; `candidate` is a `semi` that is only held against others on dev.
    """

    variant: str
    share: float
    seed: int
    train: TrainConfig

    def run_id(self, ground: Ground) -> str:
        """Stable id of everything that makes the cell's numbers, but for the code's commit, which the row names."""
        # These are `semi` cells that are scored for another purpose: the same training is not run again.
        variant = "semi" if self.variant in ("candidate", "no_film_best_step") else self.variant
        told = [ground.snapshot, variant, repr(self.share), str(self.seed), to_json(self.train)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def missing_splits(cell: Cell, ground: Ground) -> list[tuple[HeldOut, str]]:
    """Test sets and splits that the lake has no score of this cell for."""
    where = (
        (pc.field("run_id") == cell.run_id(ground)) & (pc.field("study") == ground.study)
        & (pc.field("variant") == cell.variant)
    )  # fmt: skip
    rows = Lake(ground.lake).read("scores", ["dataset", "split"], where).to_pylist()
    have = {(row["dataset"], row["split"]) for row in rows}
    return [(h, split) for h in ground.held_out for split in h.splits if (h.dataset, split) not in have]


def run_cell(cell: Cell, ground: Ground) -> str:
    """Train and score what is missing of the cell; returns its run id. Safe to kill and to run again."""
    run_id = cell.run_id(ground)
    wanted = missing_splits(cell, ground)
    if not wanted:
        return run_id
    checkpoint, hours = _trained(cell, ground, run_id)
    for held_out, split in wanted:
        scored = Scored(
            run_id=run_id, variant=cell.variant, dataset=held_out.dataset, split=split, commit=code_commit(),
            scored_at=datetime.now(UTC), study=ground.study, phi_name=cell.train.data.phi_name, hours=hours,
            seed=cell.seed,
        )  # fmt: skip
        keep_scores(Lake(ground.lake), _predicted(checkpoint, held_out, split), held_out, scored)
    return run_id


def _trained(cell: Cell, ground: Ground, run_id: str) -> tuple[Path, float]:
    """Checkpoint of the cell and its nominal hours: whole sources differ a little from seed to seed."""
    lake, labelled = Lake(ground.lake), Lake(ground.labelled)
    whole = load(lake, ground.snapshot)
    subset = nested(whole, fraction=cell.share, seed=cell.seed)
    ceiling = cell.variant == "ceiling"
    began = datetime.now(UTC)
    result = train(
        replace(cell.train, seed=cell.seed),
        lake,
        [labelled, lake] if ceiling else [labelled],
        ground.out / run_id,
        tracklet_ids=None if ceiling else subset.tracklet_ids,
        snapshot=ground.snapshot,
    )
    told = asdict(cell.train) | {"share": cell.share, "variant": cell.variant, "hours": subset.hours, "seed": cell.seed}
    row = {
        "run_id": run_id,
        "kind": "train",
        "started_at": began,
        "seconds": result.seconds,
        "config": json.dumps(told),
        "snapshot": ground.snapshot,
        "checkpoint": str(result.checkpoint),
        "command": ground.command,
        "commit": code_commit(),
        "curves": json.dumps(result.curves),
    }
    lake.append("runs", rows_to_table("runs", [row]), transaction=f"run/{ground.study}/{run_id}")
    return result.checkpoint, whole.hours * cell.share


def _predicted(checkpoint: Path, held_out: HeldOut, split: str) -> Motions:
    """Current prediction of each tracklet of the split, (T, 25, 3) m."""
    lake = Lake(held_out.lake)
    found = predict_lake(checkpoint, lake, list(read_labels3d(lake, split=split)))
    return {tracklet_id: prediction.keypoints_3d for tracklet_id, prediction in found.items()}


def keep_scores(lake: Lake, motions: Motions, held_out: HeldOut, scored: Scored) -> None:
    """Score `motions` on one split by open_v1 and append the rows to the lake, once."""
    truth = Lake(held_out.lake)
    labels = read_labels3d(truth, split=scored.split)
    rates = {tracklet.tracklet_id: tracklet.fps for tracklet in iter_tracklets(truth, list(labels))}
    rows = score_rows(score_sequences(motions, labels, OPEN_V1, fps=rates), OPEN_V1, scored)
    key = "/".join((scored.study, scored.run_id, scored.variant, scored.dataset, scored.split))
    lake.append("scores", rows_to_table("scores", rows), transaction=f"score/{key}")
