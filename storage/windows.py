"""Windows of T frames drawn at random for training: as fast as memory maps, in bounded memory, the same for a seed.

Parquet is for keeping: to get 20 frames out of it, a row group is decoded. So the tables of a snapshot are decoded
once a machine, in one pass, into flat files in `Layout.windows` (erase removes them), and windows are slices of these.
The processes of a machine share the files, and the next start finds them. `scan` is that one pass: tracklets and their
features side by side.
Legend: F frames of all tracklets, N tracklets, B windows of a batch, T frames of a window, D feature dimension.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from storage.atomic import write_atomically
from storage.errors import LakeError, NoSuchLake, NoWindows
from storage.json_text import read_object
from storage.lake import Lake, LakeReader
from storage.layout import says_full
from storage.snapshot import Snapshot
from storage.tables import (
    TURN,
    TURNED,
    UPRIGHT,
    ZERO_SHOT,
    TrackletArrays,
    row_views,
    tracklet_arrays,
    turn_phi,
    turned_by_zero,
    zero_shot_of,
    zero_shot_phi,
)

FORMAT = 1
_FILES = {"phi": "<f2", "keypoints": "<f4", "boxes": "<f4", "observed": "?"}

_TRACKLET = (
    "tracklet_id", "source_id", "fps_num", "fps_den", "frame_index", "pts", "boxes", "keypoints", "observed",
)  # fmt: skip
_BATCH_ROWS = 256

Phi = npt.NDArray[np.float16]

KEPT = 2
"""Stores of a lake that stay on a machine: the newest. A store is as large as its snapshot's features."""


@dataclass(frozen=True)
class WindowBatch:
    """B windows of T frames."""

    tracklet_B: npt.NDArray[np.int64]
    """Place of the tracklet in `WindowStore.tracklet_ids`."""
    start_B: npt.NDArray[np.int64]
    """First frame within the tracklet."""
    phi_BTxD: npt.NDArray[np.float16]
    keypoints_BTx25x3: npt.NDArray[np.float32]
    """x y px and score."""
    boxes_BTx4: npt.NDArray[np.float32]
    observed_BT: npt.NDArray[np.bool_]


class WindowStore:
    """The decoded frames of a snapshot. Open it in each loader process; the pages are shared by the system."""

    def __init__(self, folder: Path) -> None:
        try:
            head = read_object((folder / "head.json").read_bytes())
        except (OSError, ValueError) as error:
            raise LakeError(f"{folder} holds no windows: {error}") from error
        if head.get("format") != FORMAT:
            raise LakeError(f"{folder}: format {head.get('format')}, this program has {FORMAT}; delete it")
        self.folder, self.dim = folder, int(head["dim"])
        frames_N = np.asarray(head["frames"], np.int64)
        # Windows are numbered in the order of the ids: the same seed draws the same ones from every copy of the lake,
        # in whatever order its files lie.
        order_N = np.asarray(sorted(range(len(frames_N)), key=head["tracklet_ids"].__getitem__), np.int64)
        self.tracklet_ids: tuple[str, ...] = tuple(head["tracklet_ids"][place] for place in order_N)
        self._frames_N = frames_N[order_N]
        self._first_N = (np.cumsum(frames_N) - frames_N)[order_N]
        widths = {"phi": (self.dim,), "keypoints": (25, 3), "boxes": (4,), "observed": ()}
        self._ends: dict[int, npt.NDArray[np.int64]] = {}
        self._arrays = {
            name: np.memmap(folder / name, kind, "r", shape=(int(frames_N.sum()), *widths[name]))
            for name, kind in _FILES.items()
        }

    @classmethod
    def build(cls, lake: LakeReader, snapshot: Snapshot, phi_name: str, folder: Path | None = None) -> "WindowStore":
        """Decode a snapshot into `folder` (default: the lake's `Layout.windows`), or take what an earlier call left
        there. One process of the machine decodes, and others that want the same wait for it. All but the KEPT newest
        stores of the folder are deleted, and those that hold a tracklet which the lake has no more.

        Memory: the largest row group of the tables, and the phi of tracklets whose row has not come up yet. Tracklets
        without phi are left out; NoWindows if that is all of them. LakeError for a lake in memory without `folder`,
        and where an erasure came between.
        """
        if folder is None:
            if not isinstance(lake, Lake):
                raise LakeError("windows of a lake in memory need a local folder: name one, delete it later")
            folder = Path(lake.layout.windows)
        target = folder / hashlib.sha256(f"{snapshot.digest}/{phi_name}".encode()).hexdigest()[:24]
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(_lock(target)):
            if not (target / "head.json").exists():
                with says_full(target):
                    _write(lake, snapshot, phi_name, target)
                _check_that_nothing_was_erased(lake, target)
            store = cls(target)
            os.utime(target)
            _tidy(lake, target)
        return store

    def once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` finds out about these windows, as JSON: one process of the machine makes it, for all and for the
        next start."""
        path = self.folder / f"{name}.json"
        if not self.folder.exists():  # of a lake in memory, or erased by now
            return make()
        with FileLock(_lock(self.folder)):
            try:
                return read_object(path.read_bytes())
            except (OSError, ValueError):
                made = make()
                if self.folder.exists():
                    write_atomically(path, json.dumps(made))
                return made

    def delete(self) -> None:
        """Remove the files, unless another process is about to open them; whoever has them open reads on."""
        if self.folder.exists():
            _delete(self.folder)

    def places(self, tracklet_ids: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each of these tracklets the row of its first frame in the store's files, which `phi_at` takes, and its
        length in frames. KeyError for one that the store does not have."""
        place = {tracklet_id: i for i, tracklet_id in enumerate(self.tracklet_ids)}
        chosen = np.asarray([place[tracklet_id] for tracklet_id in tracklet_ids], np.int64)
        return self._first_N[chosen], self._frames_N[chosen]

    def phi_at(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
        """(..., D) φ of the frames of these numbers, whatever shape they come in."""
        return np.asarray(self._arrays["phi"][frames])

    def keypoints_at(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """(..., 25, 3) x y px and score."""
        return np.asarray(self._arrays["keypoints"][frames])

    def boxes_at(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """(..., 4) x0 y0 x1 y1 px."""
        return np.asarray(self._arrays["boxes"][frames])

    def count(self, length: int) -> int:
        """How many windows of `length` frames there are."""
        return int(self._window_ends(length)[-1]) if self.tracklet_ids else 0

    def _window_ends(self, length: int) -> npt.NDArray[np.int64]:
        if length not in self._ends:  # a batch must not cost a pass over a million tracklets
            self._ends[length] = np.cumsum(np.maximum(self._frames_N - length + 1, 0))
        return self._ends[length]

    def batch(self, windows_B: npt.NDArray[np.int64], length: int) -> WindowBatch:
        """The windows of these numbers, each in [0, count(length))."""
        ends = self._window_ends(length)
        tracklet_B = np.searchsorted(ends, windows_B, side="right")
        start_B = windows_B - np.where(tracklet_B > 0, ends[tracklet_B - 1], 0)
        rows_BT = (self._first_N[tracklet_B] + start_B)[:, None] + np.arange(length)
        phi, keypoints, boxes, observed = (self._arrays[name][rows_BT] for name in _FILES)
        return WindowBatch(tracklet_B, start_B, phi, keypoints, boxes, observed)

    def batches(
        self, length: int, size: int, seed: int, *, first: int = 0, worker: int = 0, workers: int = 1
    ) -> Iterator[WindowBatch]:
        """Endless random batches. Batch number b depends on (seed, b) only: worker w of n makes those with b % n == w,
        so any number of processes gives the same sequence, and `first` takes it up in the middle."""
        total = self.count(length)
        if total == 0:
            raise LakeError(f"no tracklet of {self.folder} has {length} frames")
        number = first + (worker - first) % workers
        while True:
            yield self.batch(np.random.default_rng((seed, number)).integers(total, size=size), length)
            number += workers


def _lock(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _write(lake: LakeReader, snapshot: Snapshot, phi_name: str, target: Path) -> None:
    work = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    try:
        work.mkdir()
        head = _write_arrays(lake, snapshot, phi_name, work)
        (work / "head.json").write_text(json.dumps(head))
        work.rename(target)
    except FileNotFoundError as error:
        raise LakeError(f"{target} was removed while it was made; begin again") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _delete(target: Path) -> None:
    """Delete a store and what a killed process left of it, unless a process is making or opening it."""
    try:
        with FileLock(_lock(target), timeout=0):
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(target.with_name(f".{target.name}.unfinished"), ignore_errors=True)
    except (Timeout, OSError):
        return


def _tidy(lake: LakeReader, own: Path) -> None:
    """Delete the older stores beside this one, and those of which something was erased meanwhile."""
    for left in own.parent.glob(".*.unfinished"):
        _delete(own.parent / left.name[1:].removesuffix(".unfinished"))
    others = {path.parent: path.parent.stat().st_mtime for path in own.parent.glob("*/head.json")}
    others.pop(own, None)
    newest = sorted(others, key=lambda path: others[path], reverse=True)
    kept = newest[: KEPT - 1]
    for path in newest[KEPT - 1 :]:
        _delete(path)
    if kept:
        present_ids = lake.read("tracklets", ["tracklet_id"])["tracklet_id"].combine_chunks()
        for path in kept:
            if not _all_present(path, present_ids):
                _delete(path)


def _all_present(folder: Path, present_ids: pa.Array) -> bool:
    try:
        ids = pa.array(read_object((folder / "head.json").read_bytes())["tracklet_ids"], pa.string())
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(pc.all(pc.is_in(ids, value_set=present_ids)).as_py() is not False)


def _check_that_nothing_was_erased(lake: LakeReader, folder: Path) -> None:
    # An erasure deletes rows first and this cache afterwards: what it may have come too early for has no rows by now.
    if not _all_present(folder, lake.read("tracklets", ["tracklet_id"])["tracklet_id"].combine_chunks()):
        shutil.rmtree(folder, ignore_errors=True)
        raise LakeError("some of these tracklets were erased while their windows were made; freeze a snapshot again")


def _write_arrays(lake: LakeReader, snapshot: Snapshot, phi_name: str, work: Path) -> dict[str, object]:
    ids: list[str] = []
    frames: list[int] = []
    dim = 0
    files = {name: (work / name).open("wb") for name in _FILES}
    try:
        for track, phi_TxD in scan(lake, phi_name, snapshot.ids):
            ids.append(track.tracklet_id)
            frames.append(len(phi_TxD))
            dim = phi_TxD.shape[1]
            for name, rows in _columns(track, phi_TxD).items():
                files[name].write(np.ascontiguousarray(rows, _FILES[name]).tobytes())
    finally:
        for file in files.values():
            file.close()
    if not ids:
        raise NoWindows(f"no tracklet of snapshot {snapshot.digest[:12]} has features {phi_name}")
    return {"format": FORMAT, "digest": snapshot.digest, "phi": phi_name, "dim": dim, "tracklet_ids": ids,
            "frames": frames}  # fmt: skip


def _columns(track: TrackletArrays, phi_TxD: npt.NDArray[np.float16]) -> dict[str, npt.NDArray[np.generic]]:
    return {"phi": phi_TxD, "keypoints": track.keypoints, "boxes": track.boxes, "observed": track.observed}


def scan(lake: LakeReader, phi_name: str, ids: pa.Array | None = None) -> Iterator[tuple[TrackletArrays, Phi]]:
    """Every tracklet of `ids` (None: all) that has this phi, each once, in the order of the tables' files. Several phis
    side by side are named with a plus, as in storage/tables.py.

    Both tables are written by the same commits in the same order, so partners turn up close to each other; what has
    not found its partner yet waits in memory. LakeError if a phi does not fit its tracklet; LakeDamaged names a file
    that cannot be read, NoSuchLake a table of which one is missing.
    """
    if phi_name == TURNED:
        features = lake.read("features", ["tracklet_id", "phi_name"], _is_among(ids))
        names, turned = features["tracklet_id"].to_numpy(), TURNED.split("+")[0]
        kinds = features["phi_name"].to_numpy()
        upright = pa.array(sorted(set(names[kinds == UPRIGHT]) - set(names[kinds == turned])), pa.string())
        if len(upright):
            yield from _scan(lake, phi_name, pa.array(sorted(set(names[kinds == turned])), pa.string()))
            yield from ((track, turned_by_zero(phi_TxD)) for track, phi_TxD in _scan(lake, UPRIGHT, upright))
            return
    yield from _scan(lake, phi_name, ids)


def _is_among(ids: pa.Array | None) -> pc.Expression:
    return pc.scalar(True) if ids is None else pc.field("tracklet_id").isin(ids)


def _scan(lake: LakeReader, phi_name: str, ids: pa.Array | None) -> Iterator[tuple[TrackletArrays, Phi]]:
    among, parts = _is_among(ids), phi_name.split("+")
    own_3d = _own_3d(lake, among, phi_name) if ZERO_SHOT in parts else {}
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
            lone_phis.setdefault(row["tracklet_id"], {}).update(_phis(row, parts, own_3d))
        for tracklet_id in [key for key in lone_tracks if len(lone_phis.get(key, ())) == len(set(parts))]:
            by_part = lone_phis.pop(tracklet_id)
            phi_TxD = np.concatenate([by_part[part] for part in parts], axis=1) if len(parts) > 1 else by_part[parts[0]]
            yield _pair(lone_tracks.pop(tracklet_id), phi_TxD)


def _phi_rows(lake: LakeReader, among: pc.Expression, parts: Sequence[str]) -> Iterator[pa.Table]:
    wanted = pc.field("phi_name").isin(pa.array(parts, pa.string()))
    columns: tuple[str, ...] = ("tracklet_id", "phi_name", "phi_dim", "phi")
    if ZERO_SHOT in parts:
        wanted, columns = wanted | pc.field("zero_shot_3d").is_valid(), (*columns, "zero_shot_3d")
    if TURN in parts:
        wanted, columns = wanted | pc.field("turn").is_valid(), (*columns, "turn")
    return _rows(lake, "features", columns, among & wanted)


def _own_3d(lake: LakeReader, among: pc.Expression, phi_name: str) -> dict[str, str]:
    """By tracklet the φ whose row gives the 2D network's own 3D. A φ has 3D in all of its rows or in none."""
    features = lake.dataset("features")
    if features is None:
        return {}
    rows = lake.read("features", ["tracklet_id", "phi_name"], among)
    valid = pc.field("zero_shot_3d").is_valid()
    every = rows["phi_name"].unique().to_pylist()
    named = {name: features.filter(valid & (pc.field("phi_name") == name)) for name in every}
    with_3d = {name for name, its_rows in named.items() if its_rows.head(1, columns=["phi_name"]).num_rows}
    names: dict[str, set[str]] = {}
    for tracklet_id, name in zip(*(rows[column].to_pylist() for column in rows.column_names), strict=True):
        if name in with_3d:
            names.setdefault(tracklet_id, set()).add(name)
    return {tracklet_id: zero_shot_of(its_names, phi_name) for tracklet_id, its_names in names.items()}


def _phis(row: dict[str, Any], parts: Sequence[str], own_3d: Mapping[str, str]) -> dict[str, Phi]:
    """What a row of `features` has of the wanted parts."""
    phis = {}
    if row["phi_name"] in parts:
        phis[row["phi_name"]] = np.frombuffer(row["phi"], "<f2").reshape(-1, row["phi_dim"])
    if row.get("zero_shot_3d") is not None and own_3d.get(row["tracklet_id"]) == row["phi_name"]:
        phis[ZERO_SHOT] = zero_shot_phi(row["zero_shot_3d"])
    if row.get("turn") is not None:
        phis[TURN] = turn_phi(row["turn"])
    return phis


def _rows(lake: LakeReader, name: str, columns: tuple[str, ...], where: pc.Expression) -> Iterator[pa.Table]:
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
