"""One cell of a study: a training on a share of the frozen pool with one seed, scored on what was held out.

Read from the top: what the cells share (StudyContext) and what makes one of them (Cell), its run from training to
rows (run_cell), the tracklets that it trains on (cell_data), and its scores in the lake.

A cell is named by everything that made its numbers (Cell.run_id); what the lake has scores of is not run again.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow.compute as pc
from filelock import FileLock

from evaluation.baselines import Motions
from evaluation.protocols.registry import OPEN_V1, protocol_named
from evaluation.score import Scored, score_rows, score_sequences
from flows.provenance import code_commit
from flows.study.changed_labels import reprojected, stretches, with_noise, with_true_2d
from flows.study.labels import of_version
from hmmr_model.configs import TrainConfig, to_json
from hmmr_model.predict import predict_lake
from hmmr_model.train import train
from storage.lake import Lake, LakeReader
from storage.runs import announced, run_row
from storage.snapshot import Snapshot, load, nested, select
from storage.tables import ZERO_SHOT, iter_tracklets, read_labels3d, rows_to_table


@dataclass(frozen=True)
class HeldOut:
    """A test set: a lake whose labels3d name the split, and the protocol that it is scored by."""

    dataset: str
    lake: str | Path
    splits: tuple[str, ...]
    protocol: str = OPEN_V1.id

    def has(self, phi_name: str) -> bool:
        """Whether its tracklets were harvested with this φ (or all of them, where several are named with a plus)."""
        return set(phi_name.split("+")) <= phis_of(self.lake)


@dataclass(frozen=True)
class StudyContext:
    """What the cells of one study share: the lake with its frozen snapshot, the labelled set, the test sets."""

    study: str
    lake: str | Path
    """The pool, and where the rows go."""
    snapshot: str
    labelled: str | Path
    held_out: tuple[HeldOut, ...]
    out: Path
    command: str
    """The command that runs the study again."""
    perfect: tuple[str | Path, str] | None = None
    """Lake of the pool's films by their true 2D, and its snapshot; None: true 2D is read from the pool's labels3d."""

    @property
    def dev(self) -> HeldOut:
        """The set on which choices are made: the first with a split dev."""
        return next(test_set for test_set in self.held_out if "dev" in test_set.splits)


@dataclass(frozen=True)
class Cell:
    """One point of a study. `share` is of the snapshot's hours, nested by source.

    Variants: `semi` adds pseudo-labels, `ceiling` the same films with their true 3D, `perfect_2d` the same tracklets
    with their true 2D, `reprojected` the labelled 3D seen by random cameras instead of film, `single_frame` has no
    temporal encoder; `candidate` is a `semi` that is only held against others on dev.
    """

    variant: str
    share: float
    seed: int
    train: TrainConfig
    labelled_ids: tuple[str, ...] | None = None
    """Tracklets of the labelled lake that may be used; None: all."""
    noise: float = 0.0
    """Sigmas of 2D noise added to the pseudo-labels."""
    labels: str | None = None
    """Label version of the pool; None: whichever the snapshot holds."""
    spread: float = 1.0
    """How many times as many videos the same hours come from, each cut to a stretch."""

    def run_id(self, context: StudyContext) -> str:
        """Stable id of everything that makes the cell's numbers, but for the code's commit, which the row names."""
        # These are `semi` cells that are scored for another purpose: the same training is not run again.
        variant = "semi" if self.variant in ("candidate", "no_film_best_step") else self.variant
        snapshot = context.perfect[1] if context.perfect and variant == "perfect_2d" else context.snapshot
        parts = [snapshot, variant, repr(self.share), str(self.seed), to_json(self.train)]
        if self.labelled_ids is not None:
            parts.append("labelled " + " ".join(sorted(self.labelled_ids)))
        if self.noise and self.share and variant == "semi":
            parts.append(f"noise {self.noise!r}")
        if self.labels and self.share and not (context.perfect and variant == "perfect_2d"):
            parts.append(f"labels {self.labels}")
        if self.spread != 1 and self.share and variant == "semi":
            parts.append(f"spread {self.spread!r}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def phis_of(lake: str | Path) -> set[str]:
    """Names of the φ that a lake's tracklets have; ZERO_SHOT where they have the 2D network's own 3D."""
    features = Lake(lake).read("features", ["phi_name"])
    names = set(features.column("phi_name").unique().to_pylist())
    with_3d = Lake(lake).read("features", ["tracklet_id"], pc.field("zero_shot_3d").is_valid())
    return names | ({ZERO_SHOT} if with_3d.num_rows else set())


def run_cell(cell: Cell, context: StudyContext) -> str:
    """Trains the cell and scores it on every split that lacks its scores; returns its run id.

    It may be killed and run again. A second process that runs the same cell waits for the first.
    """
    run_id = cell.run_id(context)
    with locked(context.out / run_id):
        unscored = missing_splits(cell, context)
        if not unscored:
            return run_id
        checkpoint, hours = _trained(cell, context, run_id)
        for held_out, split in unscored:
            scored = Scored(
                run_id=run_id, variant=cell.variant, dataset=held_out.dataset, split=split, commit=code_commit(),
                scored_at=datetime.now(UTC), study=context.study, phi_name=cell.train.data.phi_name, hours=hours,
                seed=cell.seed,
            )  # fmt: skip
            keep_scores(Lake(context.lake), _predicted(checkpoint, held_out, split), held_out, scored)
    return run_id


def _trained(cell: Cell, context: StudyContext, run_id: str) -> tuple[Path, float]:
    """Checkpoint of the cell and its nominal hours; the real hours differ a little by seed, since sources stay whole.

    A model that exists and has a row in `runs` is not trained again: the row is written when its training has ended.
    """
    data, lake, checkpoint = cell_data(cell, context), Lake(context.lake), context.out / run_id / "model.pt"
    if checkpoint.exists() and lake.read("runs", ["run_id"], pc.field("run_id") == run_id).num_rows:
        return checkpoint, data.nominal_hours
    began, ceiling = datetime.now(UTC), cell.variant == "ceiling"
    with announced(lake.layout, run_id, study=context.study) as told:
        result = train(
            replace(cell.train, seed=cell.seed),
            data.lake(),
            [Lake(context.labelled), lake] if ceiling else [Lake(context.labelled)],
            context.out / run_id,
            tracklet_ids=None if ceiling else data.tracklet_ids,
            labelled_ids=_with_3d(cell, data.tracklet_ids if ceiling else ()),
            snapshot=data.snapshot,
            progress=told,
        )
    settings = asdict(cell.train)
    settings |= {"share": cell.share, "variant": cell.variant, "hours": data.hours, "seed": cell.seed}
    if cell.labelled_ids is not None:
        settings |= {"labelled_tracklets": len(cell.labelled_ids), "noise": cell.noise}
    if cell.labels is not None:
        settings |= {"labels": cell.labels}
    if cell.spread != 1:
        settings |= {"spread": cell.spread}
    row = run_row(
        "train", run_id, began, settings, command=context.command, commit=code_commit(), seconds=result.seconds,
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
    predictions = predict_lake(checkpoint, lake, list(read_labels3d(lake, split=split)))
    return {tracklet_id: prediction.keypoints_3d for tracklet_id, prediction in predictions.items()}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a folder, which is made if it does not exist. Waits for another process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


@dataclass(frozen=True)
class CellData:
    """The pseudo-labelled tracklets that a cell trains on, and their hours."""

    lake: Callable[[], LakeReader]
    """Makes the lake that holds the tracklets; called when the training starts."""
    tracklet_ids: tuple[str, ...]
    snapshot: str
    hours: float
    nominal_hours: float
    """The share of the pool's hours, at which the point is drawn."""


def cell_data(cell: Cell, context: StudyContext) -> CellData:
    """The pseudo-labels that the cell trains on, by its variant. SnapshotMissing where the lake lacks the snapshot."""
    phi_name = cell.train.data.phi_name
    if cell.variant == "reprojected":
        lake = reprojected(Lake(context.labelled), _labelled(cell, context), cell.seed)
        selected = select(lake)
        return CellData(lambda: lake, selected.tracklet_ids, context.snapshot, 0.0, 0.0)
    path, digest = context.lake, context.snapshot
    if cell.variant == "perfect_2d" and context.perfect is not None:
        path, digest = context.perfect
    pool = load(Lake(path), digest)
    part = nested(pool, fraction=cell.share, seed=cell.seed)
    if cell.labels and path == context.lake:
        pool, part = (of_version(Lake(path), snapshot, cell.labels) for snapshot in (pool, part))

    if cell.spread != 1 and cell.variant == "semi" and cell.share:
        hours = pool.hours * cell.share
        cut = stretches(Lake(path), pool, phi_name, hours=hours, spread=cell.spread, seed=cell.seed)
        selected = select(cut)
        return CellData(lambda: cut, selected.tracklet_ids, digest, selected.hours, hours)

    def changed() -> LakeReader:
        if cell.variant == "perfect_2d" and context.perfect is None:
            return with_true_2d(Lake(path), part.tracklet_ids, phi_name)
        if cell.variant == "semi" and cell.noise and part.tracklet_ids:
            return with_noise(Lake(path), part.tracklet_ids, phi_name, cell.noise)
        return Lake(path)

    return _fed(changed, pool, part, digest, cell.share)


def _fed(lake: Callable[[], LakeReader], pool: Snapshot, part: Snapshot, digest: str, share: float) -> CellData:
    return CellData(lake, part.tracklet_ids, digest, part.hours, pool.hours * share)


def _labelled(cell: Cell, context: StudyContext) -> tuple[str, ...]:
    ids = select(Lake(context.labelled)).tracklet_ids
    return ids if cell.labelled_ids is None else tuple(sorted(set(ids) & set(cell.labelled_ids)))


Key = tuple[str, str, str, str, str]
"""Study, run, variant, dataset, split."""

_COLUMNS = ["study", "run_id", "variant", "dataset", "split"]


def scored_sets(lake: str | Path, run_id: str | None = None) -> set[Key]:
    """Keys of all scores in a lake, or of those of one run."""
    where = None if run_id is None else pc.field("run_id") == run_id
    table = Lake(lake).read("scores", _COLUMNS, where)
    rows = table.group_by(_COLUMNS).aggregate([]).to_pylist()
    return {(row["study"], row["run_id"], row["variant"], row["dataset"], row["split"]) for row in rows}


def missing_splits(cell: Cell, context: StudyContext, have: set[Key] | None = None) -> list[tuple[HeldOut, str]]:
    """Test sets and splits that have the cell's φ and no score of the cell yet.

    `have` are the keys of the scores in the lake; None reads them.
    """
    run_id, phi_name = cell.run_id(context), cell.train.data.phi_name
    scored = scored_sets(context.lake, run_id) if have is None else have
    all_splits = [(held_out, split) for held_out in context.held_out for split in held_out.splits]
    return [
        (held_out, split)
        for held_out, split in all_splits
        if (context.study, run_id, cell.variant, held_out.dataset, split) not in scored and held_out.has(phi_name)
    ]


def keep_scores(lake: Lake, motions: Motions, held_out: HeldOut, scored: Scored) -> None:
    """Scores `motions` on one split by the protocol of the set, and appends the rows to the lake once."""
    truth, protocol = Lake(held_out.lake), protocol_named(held_out.protocol)
    labels = read_labels3d(truth, split=scored.split)
    rates = {tracklet.tracklet_id: tracklet.fps for tracklet in iter_tracklets(truth, list(labels))}
    rows = score_rows(score_sequences(motions, labels, protocol, fps=rates), protocol, scored)
    key = "/".join((scored.study, scored.run_id, scored.variant, scored.dataset, scored.split))
    lake.append("scores", rows_to_table("scores", rows), transaction=f"score/{key}")
