"""What training and prediction know of one tracklet, in crop coordinates, and how it is read from a lake.

T frames, D numbers of φ, J 25 keypoints, K 10 betas. Crop coordinates [-1, 1] (x right, y down), metres, camera axes
(x right, y down, z forward). A lake's labels come in px of the source frame and metres of the camera frame.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from body.cameras import to_crop
from hmmr_model.configs import DataConfig
from storage.errors import NoWindows
from storage.lake import Lake, LakeReader
from storage.snapshot import Snapshot
from storage.tables import (
    Labels3D,
    Pseudo3D,
    TrackletArrays,
    iter_tracklets,
    read_labels3d,
    read_phi,
    read_pseudo3d,
)
from storage.windows import WindowStore

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrackLabels:
    """The 3D labels of a tracklet; every weight is 1 where a label exists and 0 where not, with zeros for values."""

    keypoints_TJ3: Floats
    """True projection: x, y, visible."""
    joints_TJ3: Floats
    joints_weight_TJ: Floats
    rotations_TJ33: Floats
    rotations_weight_T: Floats
    betas_TK: Floats
    betas_weight_T: Floats


@dataclass(frozen=True)
class Track:
    """One person in one shot."""

    tracklet_id: str
    phi_TD: NDArray[np.float16]
    keypoints_TJ3: Floats
    """Detected: x, y, score."""
    labels: TrackLabels | None = None

    def __len__(self) -> int:
        return len(self.phi_TD)


class NoTrainingDataError(ValueError):
    """A lake has nothing that a run of this configuration could use; the message says what was looked for."""


def read_tracks(
    lake: LakeReader, config: DataConfig, ids: Sequence[str] | None, body: str | None, held_out: Collection[str] = ()
) -> list[Track]:
    """Tracks in the order of their ids, those of `ids` or all, with φ `config.phi_name` and a fit frame rate.

    With `body`, only tracklets with 3D labels, and with them; without, labels are not read, so that a pseudo-labelled
    track cannot bring any. Tracklets labelled as one of the splits `held_out` are left out either way.
    """
    labels_of = read_labels3d(lake, ids)
    features = read_phi(lake, config.phi_name, ids)
    tracks = []
    for tracklet in iter_tracklets(lake, ids):
        tracklet_id = tracklet.tracklet_id
        labels = labels_of.get(tracklet_id)
        unlabelled = body is not None and (labels is None or not labels.valid.any())
        is_held_out = labels is not None and labels.split in held_out
        if tracklet_id not in features or unlabelled or is_held_out or not _fits(tracklet, config):
            continue
        converted = _labels(labels, tracklet, body) if labels and body else None
        tracks.append(Track(tracklet_id, features[tracklet_id], in_crop(tracklet.keypoints, tracklet.boxes), converted))
    return tracks


def read_round_tracks(
    lake: LakeReader, config: DataConfig, ids: Sequence[str], body: str, held_out: Collection[str] = ()
) -> list[Track]:
    """Tracks of `ids` with the 3D that the label round `config.pseudo3d` gave them, in the order of their ids.

    Their 2D is the detected one. Tracklets without a row of that round, with another body, or held out are left out.
    """
    fit = set(_fit_ids(lake, config, ids, held_out).tracklet_ids)
    labels_of = read_pseudo3d(lake, config.pseudo3d, sorted(fit))
    features = read_phi(lake, config.phi_name, sorted(labels_of))
    tracks = []
    for tracklet in iter_tracklets(lake, sorted(labels_of)):
        labels = labels_of[tracklet.tracklet_id]
        if tracklet.tracklet_id not in features or labels.body != body or len(labels.rotations) != len(tracklet.pts):
            continue
        keypoints_TJ3 = in_crop(tracklet.keypoints, tracklet.boxes)
        converted = _round_labels(labels, keypoints_TJ3)
        tracks.append(Track(tracklet.tracklet_id, features[tracklet.tracklet_id], keypoints_TJ3, converted))
    return tracks


def _round_labels(labels: Pseudo3D, keypoints_TJ3: Floats) -> TrackLabels:
    frames = len(labels.rotations)
    every_T = np.ones(frames, np.float32)
    return TrackLabels(
        keypoints_TJ3=keypoints_TJ3,
        joints_TJ3=labels.keypoints_3d,
        joints_weight_TJ=np.ones((frames, 25), np.float32),
        rotations_TJ33=labels.rotations,
        rotations_weight_T=every_T,
        betas_TK=np.tile(labels.betas, (frames, 1)),
        betas_weight_T=every_T,
    )


_SCRATCH_PREFIX = f".windows-{socket.gethostname()}-"
"""The number of the process that makes the folder follows."""


def store_tracks(
    lake: LakeReader,
    config: DataConfig,
    ids: Sequence[str],
    held_out: Collection[str] = (),
    scratch: Path | None = None,
) -> WindowStore | None:
    """As `read_tracks` without labels, but the frames lie on the disk: memory does not grow with hours. None if no
    tracklet is fit.

    A lake's files lie in its `Layout.windows`, decoded once for all processes of the machine, and the next start finds
    them. A lake in memory has its own below `scratch` (None: where the system keeps such), which are gone from there
    before this returns; what they hold lives as long as the store. They take 2.6 KB a frame with 1,152 numbers of φ.
    """
    fit = _fit_ids(lake, config, ids, held_out)
    if not len(fit):
        return None
    if isinstance(lake, Lake):
        return _built(lake, fit, config.phi_name, None)
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
        _sweep(scratch)
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH_PREFIX}{os.getpid()}-", dir=scratch) as folder:
        return _built(lake, fit, config.phi_name, Path(folder))


def _built(lake: LakeReader, fit: Snapshot, phi_name: str, folder: Path | None) -> WindowStore | None:
    try:
        return WindowStore.build(lake, fit, phi_name, folder)
    except NoWindows:
        return None


def _sweep(scratch: Path) -> None:
    """Delete what killed processes of this machine left: erase looks below the lake and would not find it."""
    for folder in scratch.glob(f"{_SCRATCH_PREFIX}*"):
        pid = folder.name.removeprefix(_SCRATCH_PREFIX).split("-")[0]
        if pid.isdecimal() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _fit_ids(lake: LakeReader, config: DataConfig, ids: Sequence[str], held_out: Collection[str]) -> Snapshot:
    among = pc.field("tracklet_id").isin(pa.array(ids, pa.string()))
    columns = ["tracklet_id", "source_id", "seconds", "n_frames", "fps_num", "fps_den"]
    rows = lake.read("tracklets", columns, among)
    held_back = lake.read("labels3d", ["tracklet_id", "split"], among)
    held_back = held_back.filter(pc.is_in(held_back["split"], pa.array(held_out, pa.string())))
    fps_N = rows["fps_num"].to_numpy() / rows["fps_den"].to_numpy()
    fit_N = np.asarray([rate_fits(fps, config) for fps in fps_N], bool)
    fit_N &= rows["n_frames"].to_numpy() >= config.window
    fit_N &= ~pc.is_in(rows["tracklet_id"], held_back["tracklet_id"].combine_chunks()).to_numpy()
    rows = rows.filter(pa.array(fit_N))
    return Snapshot.of_columns(rows["tracklet_id"], rows["source_id"], rows["seconds"].to_numpy())


def rate_fits(fps: float, config: DataConfig) -> bool:
    """Whether a frame rate lies in the range that training takes, with half a frame for rates such as 30.02."""
    return config.min_fps - 0.5 <= fps <= config.max_fps + 0.5


def _fits(tracklet: TrackletArrays, config: DataConfig) -> bool:
    return rate_fits(tracklet.fps, config) and len(tracklet.pts) >= config.window


def in_crop(keypoints_TJ3: Floats, boxes_T4: Floats) -> Floats:
    """Pixels to crop coordinates; what is not finite counts as unseen."""
    xy = to_crop(torch.from_numpy(keypoints_TJ3[..., :2].copy()), torch.from_numpy(boxes_T4.copy())).numpy()
    finite = np.isfinite(xy).all(axis=-1, keepdims=True)
    joined = np.concatenate([np.where(finite, xy, 0), np.where(finite, keypoints_TJ3[..., 2:], 0)], axis=-1)
    return joined.astype(np.float32)


def _labels(labels: Labels3D, tracklet: TrackletArrays, body: str) -> TrackLabels:
    valid_T = labels.valid.astype(np.float32)
    same_body_T = valid_T if labels.body == body else np.zeros_like(valid_T)
    frames = len(valid_T)
    joints, joints_weight = _known(labels.keypoints_3d, valid_T[:, None])
    keypoints = in_crop(labels.keypoints_2d, tracklet.boxes)
    keypoints[..., 2] *= valid_T[:, None]
    rest = np.tile(np.eye(3, dtype=np.float32), (frames, 24, 1, 1))
    rotations = rest if labels.rotations is None else labels.rotations
    betas = np.zeros(10, np.float32) if labels.betas is None else labels.betas
    return TrackLabels(
        keypoints_TJ3=keypoints,
        joints_TJ3=joints,
        joints_weight_TJ=joints_weight,
        rotations_TJ33=np.nan_to_num(rotations),
        rotations_weight_T=same_body_T * (labels.rotations is not None),
        betas_TK=np.tile(betas, (frames, 1)),
        betas_weight_T=same_body_T * (labels.betas is not None),
    )


def _known(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Values with zeros for NaN, and weight 0 there."""
    finite = np.asarray(np.isfinite(values).all(axis=-1))
    return np.where(finite[..., None], values, 0).astype(np.float32), (weight * finite).astype(np.float32)
