"""A snapshot as VIBE's `insta_train_db.h5`, which VIBE, TCMR, MPS-Net and GLoT read (lib/dataset/insta.py)."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import LakeError
from storage.frames_224 import crop_tracks, phi_names
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
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f".{FILE}.tmp"
    try:
        with h5py.File(temporary, "w") as file:
            for track in crop_tracks(lake, snapshot, chosen):
                if track.phi_TxD is None:
                    raise LakeError(f"tracklet {track.tracklet_id} has no features {chosen}")
                names = np.full(len(track.frame_index), track.tracklet_id.encode("ascii"))
                _append(file, "vid_name", names.astype("S64"))
                _append(file, "frame_id", track.frame_index.astype(np.int64))
                _append(file, "joints2D", track.keypoints_T25x3)
                _append(file, "features", track.phi_TxD.astype(np.float32))
        os.replace(temporary, out / FILE)
    finally:
        temporary.unlink(missing_ok=True)
    return out / FILE


def _append(file: Any, name: str, rows: np.ndarray[Any, Any]) -> None:
    if name not in file:
        file.create_dataset(name, data=rows, maxshape=(None, *rows.shape[1:]), chunks=True)
        return
    dataset = file[name]
    dataset.resize(len(dataset) + len(rows), axis=0)
    dataset[-len(rows) :] = rows


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
