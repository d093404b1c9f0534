"""What a cell's batches are filled with beside the labelled windows."""

from collections.abc import Callable
from dataclasses import dataclass

from flows.study.changed_labels import reprojected, with_noise, with_true_2d
from flows.study.context import Cell, StudyContext
from flows.study.labels import of_version
from storage.lake import Lake, LakeReader
from storage.snapshot import Snapshot, load, nested, select


@dataclass(frozen=True)
class CellData:
    """Pseudo-labelled tracklets, and the hours of film that they are."""

    lake: Callable[[], LakeReader]
    """Made only when it is trained on."""
    tracklet_ids: tuple[str, ...]
    snapshot: str
    hours: float
    nominal_hours: float
    """The share of the whole: what the point is drawn at."""


def cell_data(cell: Cell, context: StudyContext) -> CellData:
    """The pseudo-labels of a cell. SnapshotMissing where the study's snapshot is not in its lake."""
    phi_name = cell.train.data.phi_name
    if cell.variant == "reprojected":
        lake = reprojected(Lake(context.labelled), _labelled(cell, context), cell.seed)
        made = select(lake)
        return CellData(lambda: lake, made.tracklet_ids, context.snapshot, 0.0, 0.0)
    path, digest = context.lake, context.snapshot
    if cell.variant == "perfect_2d" and context.perfect is not None:
        path, digest = context.perfect
    whole = load(Lake(path), digest)
    part = nested(whole, fraction=cell.share, seed=cell.seed)
    if cell.labels and path == context.lake:
        whole, part = (of_version(Lake(path), film, cell.labels) for film in (whole, part))

    def changed() -> LakeReader:
        if cell.variant == "perfect_2d" and context.perfect is None:
            return with_true_2d(Lake(path), part.tracklet_ids, phi_name)
        if cell.variant == "semi" and cell.noise and part.tracklet_ids:
            return with_noise(Lake(path), part.tracklet_ids, phi_name, cell.noise)
        return Lake(path)

    return _fed(changed, whole, part, digest, cell.share)


def _fed(lake: Callable[[], LakeReader], whole: Snapshot, part: Snapshot, digest: str, share: float) -> CellData:
    return CellData(lake, part.tracklet_ids, digest, part.hours, whole.hours * share)


def _labelled(cell: Cell, context: StudyContext) -> tuple[str, ...]:
    ids = select(Lake(context.labelled)).tracklet_ids
    return ids if cell.labelled_ids is None else tuple(sorted(set(ids) & set(cell.labelled_ids)))
