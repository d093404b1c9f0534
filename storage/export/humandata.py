"""A snapshot as mmhuman3d's HumanData (.npz), 2D part: what its InstaVariety converter writes."""

import os
from pathlib import Path

import numpy as np

from storage.errors import LakeError
from storage.export.crop_tracks import VISIBLE
from storage.lake import Lake
from storage.snapshot import Snapshot
from storage.tables import iter_tracklets

HUMAN_DATA_JOINTS = 190
HUMAN_DATA_INDEX = (
    177, 163, 162, 165, 166, 174, 157, 156, 155, 158, 159, 160, 154, 147, 153, 169, 168, 171, 170, 172, 175, 173, 176,
    167, 164,
)  # fmt: skip
"""Place of each of the 25 in HumanData's 190: the '..._openpose' names (and 'headtop'), as mmhuman3d's convention
'instavariety' maps them (core/conventions/keypoints_mapping/human_data.py)."""

_PERSON_IN_BOX = 1.2
"""mmhuman3d's own expansion of the keypoints' box."""


def export_humandata(lake: Lake, snapshot: Snapshot, out: Path) -> Path:
    """Write OUT/hmmr_lake.npz: image_path ('source/frame'), video_path, frame_idx, track_id, bbox_xywh (F, 5), px of
    the source frame; keypoints2d (F, 190, 3) with its mask and convention.

    Everything is a plain array, so that it loads without pickle. LakeError if the snapshot is empty.
    """
    if not snapshot:
        raise LakeError("the snapshot is empty")
    paths, videos, frames, tracks, boxes, keypoints = [], [], [], [], [], []
    for track in iter_tracklets(lake, snapshot.tracklet_ids):
        count = len(track.frame_index)
        paths += [f"{track.source_id}/{index:06d}.jpg" for index in track.frame_index]
        videos += [track.source_id] * count
        tracks += [track.tracklet_id] * count
        frames.append(track.frame_index)
        boxes.append(_boxes(track.keypoints, track.boxes))
        keypoints.append(_spread(track.keypoints))
    mask = np.zeros(HUMAN_DATA_JOINTS, np.uint8)
    mask[list(HUMAN_DATA_INDEX)] = 1
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / ".hmmr_lake.tmp.npz"
    np.savez_compressed(
        temporary,
        image_path=np.array(paths), video_path=np.array(videos), track_id=np.array(tracks),
        frame_idx=np.concatenate(frames), bbox_xywh=np.concatenate(boxes), keypoints2d=np.concatenate(keypoints),
        keypoints2d_mask=mask, keypoints2d_convention=np.array("human_data"), config=np.array("hmmr_lake"),
        __key_strict__=np.array(False), __temporal_len__=np.array(len(paths)),
        __keypoints_compressed__=np.array(False),
    )  # fmt: skip
    os.replace(temporary, out / "hmmr_lake.npz")
    return out / "hmmr_lake.npz"


def _spread(keypoints_T25x3: np.ndarray) -> np.ndarray:
    full = np.zeros((len(keypoints_T25x3), HUMAN_DATA_JOINTS, 3), np.float32)
    full[:, list(HUMAN_DATA_INDEX)] = keypoints_T25x3
    return full


def _boxes(keypoints_T25x3: np.ndarray, boxes_T4: np.ndarray) -> np.ndarray:
    """x y w h score around the visible joints; the tracklet's own box where none is visible."""
    result = np.ones((len(boxes_T4), 5), np.float32)
    for t, points in enumerate(keypoints_T25x3):
        visible_points = points[points[:, 2] >= VISIBLE, :2]
        low, high = (
            (visible_points.min(0), visible_points.max(0))
            if len(visible_points)
            else (boxes_T4[t, :2], boxes_T4[t, 2:])
        )
        size = (high - low) * _PERSON_IN_BOX
        result[t, :2], result[t, 2:4] = (low + high) / 2 - size / 2, size
    return result
