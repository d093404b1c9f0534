"""Tracklets as others' 2D datasets want them: keypoints in the crop that phi was cut from, scaled to 224 px."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.lake import Lake
from storage.snapshot import Snapshot
from storage.tables import iter_tracklets, read_phi

CROP_PX = 224
VISIBLE = 0.1
"""Score from which HMMR calls a joint visible (released code, insta_variety_to_tfrecords.py)."""

BATCH = 256
"""Tracklets in memory at a time."""


@dataclass(frozen=True)
class CropTrack:
    """One tracklet; T frames, D features."""

    tracklet_id: str
    source_id: str
    frame_index: npt.NDArray[np.int32]
    keypoints_T25x3: npt.NDArray[np.float32]
    """x y in px of the 224 px crop, and 1 or 0 for visible."""
    boxes_T4: npt.NDArray[np.float32]
    """Centre x y, width, height, px of the source frame."""
    phi_TxD: npt.NDArray[np.float16] | None


def crop_tracks(lake: Lake, snapshot: Snapshot, phi_name: str | None) -> Iterator[CropTrack]:
    """All tracklets of a snapshot in the order of their ids; phi is None where there is none of that name."""
    ids = snapshot.tracklet_ids
    for start in range(0, len(ids), BATCH):
        batch_ids = ids[start : start + BATCH]
        phi = read_phi(lake, phi_name, batch_ids) if phi_name else {}
        for track in iter_tracklets(lake, batch_ids):
            corner_T2, size_T2 = track.boxes[:, :2], track.boxes[:, 2:] - track.boxes[:, :2]
            keypoints = track.keypoints.copy()
            scale_T2 = CROP_PX / np.maximum(size_T2, 1e-6)
            keypoints[..., :2] = (keypoints[..., :2] - corner_T2[:, None]) * scale_T2[:, None]
            keypoints[..., 2] = keypoints[..., 2] >= VISIBLE
            boxes = np.concatenate([corner_T2 + size_T2 / 2, size_T2], axis=1)
            yield CropTrack(
                track.tracklet_id, track.source_id, track.frame_index, keypoints, boxes, phi.get(track.tracklet_id)
            )


def phi_names(lake: Lake) -> list[str]:
    """Kinds of features in the lake."""
    return sorted(set(lake.read("features", ["phi_name"])["phi_name"].to_pylist()))
