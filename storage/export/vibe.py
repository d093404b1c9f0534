"""A snapshot as VIBE's `insta_train_db.h5`, which VIBE, TCMR, MPS-Net and GLoT read (lib/dataset/insta.py)."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from storage.errors import LakeError
from storage.export.crop_tracks import CropTrack, crop_tracks, phi_names
from storage.lake import Lake
from storage.snapshot import Snapshot

FILE = "insta_train_db.h5"


def export_vibe(lake: Lake, snapshot: Snapshot, out: Path, *, phi_name: str | None = None) -> Path:
    """Write OUT/insta_train_db.h5: vid_name (bytes, one a tracklet), frame_id, joints2D (F, 25, 3) px of the 224 crop
    with visibility 0 or 1, features (F, D). The 25 joints are HMMR's, which VIBE calls 'insta'.

    VIBE's own network wants D = 2048 (SPIN's ResNet-50); other features need its input layer changed. LakeError if a
    tracklet has no features of `phi_name` (default: the only kind in the lake).
    """
    h5py = _h5py()
    chosen = phi_name or _only_phi(lake)
    frames = _frame_count(lake, snapshot)
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f".{FILE}.tmp"
    try:
        with h5py.File(temporary, "w") as file:
            start = 0
            for track in crop_tracks(lake, snapshot, chosen):
                if track.phi_TxD is None:
                    raise LakeError(f"tracklet {track.tracklet_id} has no features {chosen}")
                start = _put(file, track, start, frames)
        os.replace(temporary, out / FILE)
    finally:
        temporary.unlink(missing_ok=True)
    return out / FILE


def _put(file: Any, track: CropTrack, start: int, frames: int) -> int:
    """Write one tracklet's rows; the datasets are made, contiguous as VIBE's own, with the first."""
    assert track.phi_TxD is not None
    end = start + len(track.frame_index)
    rows = {
        "vid_name": np.full(end - start, track.tracklet_id.encode("ascii"), "S64"),
        "frame_id": track.frame_index.astype(np.int64),
        "joints2D": track.keypoints_T25x3,
        "features": track.phi_TxD.astype(np.float32),
    }
    for name, values in rows.items():
        if name not in file:
            file.create_dataset(name, shape=(frames, *values.shape[1:]), dtype=values.dtype)
        file[name][start:end] = values
    return end


def _frame_count(lake: Lake, snapshot: Snapshot) -> int:
    among = pc.field("tracklet_id").isin(snapshot.ids)
    return int(pc.sum(lake.read("tracklets", ["n_frames"], among)["n_frames"]).as_py() or 0)


def _only_phi(lake: Lake) -> str:
    names = phi_names(lake)
    if len(names) != 1:
        raise LakeError(f"the lake has features {', '.join(names) or 'of no kind'}: name one")
    return names[0]


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise LakeError("VIBE's format is HDF5: pip install h5py") from error
    return h5py
