"""Tracklets and their features side by side, in one pass over both tables."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import LakeError, NoSuchLake
from storage.lake import Lake
from storage.tables import ZERO_SHOT, TrackletArrays, row_views, tracklet_arrays, zero_shot_phi

_TRACKLET = (
    "tracklet_id", "source_id", "fps_num", "fps_den", "frame_index", "pts", "boxes", "keypoints", "observed",
)  # fmt: skip
_BATCH_ROWS = 256

Phi = npt.NDArray[np.float16]


def scan(lake: Lake, phi_name: str, ids: pa.Array | None = None) -> Iterator[tuple[TrackletArrays, Phi]]:
    """Every tracklet of `ids` (None: all) that has this phi, each once, in the order of the tables' files. Several phis
    side by side are named with a plus, as in storage/tables.py.

    Both tables are written by the same commits in the same order, so partners turn up close to each other; what has
    not found its partner yet waits in memory. LakeError if a phi does not fit its tracklet; LakeDamaged names a file
    that cannot be read, NoSuchLake a table of which one is missing.
    """
    among, parts = pc.scalar(True) if ids is None else pc.field("tracklet_id").isin(ids), phi_name.split("+")
    tracks = _rows(lake, "tracklets", _TRACKLET, among)
    phis = _phi_rows(lake, among, parts)
    lone_tracks: dict[str, TrackletArrays] = {}
    lone_phis: dict[str, dict[str, Phi]] = {}
    alive = True
    while alive:
        new_tracks, new_phis = next(tracks, None), next(phis, None)
        alive = new_tracks is not None or new_phis is not None
        for row in row_views(new_tracks) if new_tracks is not None else ():
            lone_tracks[row["tracklet_id"]] = tracklet_arrays(row)
        for row in row_views(new_phis) if new_phis is not None else ():
            lone_phis.setdefault(row["tracklet_id"], {}).update(_phis(row, parts))
        for tracklet_id in [one for one in lone_tracks if len(lone_phis.get(one, ())) == len(set(parts))]:
            said = lone_phis.pop(tracklet_id)
            phi_TxD = np.concatenate([said[part] for part in parts], axis=1) if len(parts) > 1 else said[parts[0]]
            yield _pair(lone_tracks.pop(tracklet_id), phi_TxD)


def _phi_rows(lake: Lake, among: pc.Expression, parts: Sequence[str]) -> Iterator[pa.Table]:
    wanted = pc.field("phi_name").isin(pa.array(parts, pa.string()))
    columns: tuple[str, ...] = ("tracklet_id", "phi_name", "phi_dim", "phi")
    if ZERO_SHOT in parts:
        wanted, columns = wanted | pc.field("zero_shot_3d").is_valid(), (*columns, "zero_shot_3d")
    return _rows(lake, "features", columns, among & wanted)


def _phis(row: dict[str, Any], parts: Sequence[str]) -> dict[str, Phi]:
    """What a row of `features` has of the wanted parts."""
    said = {}
    if row["phi_name"] in parts:
        said[row["phi_name"]] = np.frombuffer(row["phi"], "<f2").reshape(-1, row["phi_dim"])
    if row.get("zero_shot_3d") is not None:
        said[ZERO_SHOT] = zero_shot_phi(row["zero_shot_3d"])
    return said


def _rows(lake: Lake, name: str, columns: tuple[str, ...], where: pc.Expression) -> Iterator[pa.Table]:
    try:
        dataset = lake.dataset(name)
        if dataset is None:
            return
        # A scanner of the whole dataset reads on, up to 1 GB, while its reader is busy: one a file holds one file.
        for file in dataset.get_fragments():
            scanner = file.scanner(schema=dataset.schema, columns=list(columns), filter=where, batch_size=_BATCH_ROWS)
            for batch in scanner.to_batches():
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])
    except FileNotFoundError as gone:
        raise NoSuchLake(f"a file of {name} is missing in {lake.root}: `hmmr lake reconcile` says more") from gone
    except (pa.ArrowInvalid, OSError):
        lake.name_damaged(name)
        raise


def _pair(track: TrackletArrays, phi_TxD: Phi) -> tuple[TrackletArrays, Phi]:
    if len(track.pts) != len(phi_TxD):
        raise LakeError(f"tracklet {track.tracklet_id} has {len(track.pts)} frames, its features {len(phi_TxD)}")
    return track, phi_TxD
