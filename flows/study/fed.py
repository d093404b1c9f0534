"""What a cell's batches are filled with beside the labelled windows."""

from collections.abc import Callable
from dataclasses import dataclass

from flows.study.changed_labels import reprojected, with_noise, with_true_2d
from flows.study.ground import Cell, Ground
from flows.study.labels import of_version
from storage.lake import Lake
from storage.snapshot import Snapshot, load, nested, select


@dataclass(frozen=True)
class Fed:
    """Pseudo-labelled tracklets, and the hours of film that they are."""

    lake: Callable[[], Lake]
    """Made only when it is trained on."""
    tracklet_ids: tuple[str, ...]
    snapshot: str
    hours: float
    nominal_hours: float
    """The share of the whole: what the point is drawn at."""


def fed_by(cell: Cell, ground: Ground) -> Fed:
    """The pseudo-labels of a cell. SnapshotMissing where the study's snapshot is not in its lake."""
    phi_name = cell.train.data.phi_name
    if cell.variant == "reprojected":
        lake = reprojected(Lake(ground.labelled), _labelled(cell, ground), cell.seed)
        made = select(lake)
        return Fed(lambda: lake, made.tracklet_ids, ground.snapshot, 0.0, 0.0)
    path, digest = ground.lake, ground.snapshot
    if cell.variant == "perfect_2d" and ground.perfect is not None:
        path, digest = ground.perfect
    whole = load(Lake(path), digest)
    part = nested(whole, fraction=cell.share, seed=cell.seed)
    if cell.labels and path == ground.lake:
        whole, part = (of_version(Lake(path), film, cell.labels) for film in (whole, part))

    def changed() -> Lake:
        if cell.variant == "perfect_2d" and ground.perfect is None:
            return with_true_2d(Lake(path), part.tracklet_ids, phi_name)
        if cell.variant == "semi" and cell.noise and part.tracklet_ids:
            return with_noise(Lake(path), part.tracklet_ids, phi_name, cell.noise)
        return Lake(path)

    return _fed(changed, whole, part, digest, cell.share)


def _fed(lake: Callable[[], Lake], whole: Snapshot, part: Snapshot, digest: str, share: float) -> Fed:
    return Fed(lake, part.tracklet_ids, digest, part.hours, whole.hours * share)


def _labelled(cell: Cell, ground: Ground) -> tuple[str, ...]:
    ids = select(Lake(ground.labelled)).tracklet_ids
    return ids if cell.labelled_ids is None else tuple(sorted(set(ids) & set(cell.labelled_ids)))
