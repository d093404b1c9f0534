"""The released `InstaVariety_tracks` of HMMR's authors (OpenPose keypoints, a JSON file a frame) into a lake.

TAG/VIDEO/TRACK/*.json, each {frame, imloc, track_id, bbox, NAME: {x, y, logits}} (their doc/insta_variety.md).
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import LakeError
from storage.json_text import MISFIT, number, read_object
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.tables import rows_to_table

NAMES = (
    "R Heel", "R Knee", "R Hip", "L Hip", "L Knee", "L Heel", "R Wrist", "R Elbow", "R Shoulder", "L Shoulder",
    "L Elbow", "L Wrist", "Neck", "Head", "Nose", "L Eye", "R Eye", "L Ear", "R Ear", "L Big Toe", "R Big Toe",
    "L Small Toe", "R Small Toe", "L Ankle", "R Ankle",
)  # fmt: skip
"""Their names of the 25, in the lake's order. OpenPose has no top of the head: its score is 0 (as in their code)."""

FPS = 25
"""The tracks do not say; 2,187,158 frames are given as 24.3 hours, which is 25 a second."""

VISIBLE = 0.1
_BATCH = 500


def import_instavariety(lake: Lake, folder: Path, ledger: Ledger | None = None) -> int:
    """Append every track as a tracklet, with a row of `videos` a post; returns how many tracklets.

    Posts that were erased, by the ledger's tombstones, stay out.

    Time is the frame number over 25: the posts' own clocks are lost. Licence is 'unknown'. A track that is in the lake
    already is left out, so it may be run again. LakeError names a file that does not fit.
    """
    tracks = sorted({path.parent for path in folder.glob("*/*/*/*.json")})
    if not tracks:
        raise LakeError(f"{folder} has no TAG/VIDEO/TRACK/*.json")
    present_ids = set(lake.read("tracklets", ["tracklet_id"])["tracklet_id"].to_pylist())
    posts = set(lake.read("videos", ["source_id"])["source_id"].to_pylist())
    count = 0
    for start in range(0, len(tracks), _BATCH):
        rows = [row for row in _rows(tracks[start : start + _BATCH], folder) if row["tracklet_id"] not in present_ids]
        if ledger is not None:
            erased = set(ledger.tombstones.among("source", {row["source_id"] for row in rows}))
            rows = [row for row in rows if row["source_id"] not in erased]
        videos = {row["source_id"]: _video(row) for row in rows if row["source_id"] not in posts}
        posts |= videos.keys()
        if rows:
            # Two imports at once: the second of the same rows is no commit.
            names = "\n".join([lake.folder("tracklets").where, *(row["tracklet_id"] for row in rows)])
            once = f"instavariety-{hashlib.sha256(names.encode()).hexdigest()[:32]}"
            if videos:
                lake.append("videos", rows_to_table("videos", videos.values()), transaction=once)
            lake.append("tracklets", rows_to_table("tracklets", rows), transaction=once)
        count += len(rows)
    return count


def _rows(tracks: list[Path], folder: Path) -> Iterator[dict[str, Any]]:
    for track in tracks:
        frames = sorted((_frame(path) for path in track.glob("*.json")), key=lambda frame: int(frame["frame"]))
        yield _tracklet(frames, track.relative_to(folder).as_posix())


def _frame(path: Path) -> dict[str, Any]:
    try:
        frame = read_object(path.read_bytes())
        for name in NAMES:
            if name != "Head":
                number(frame[name]["x"]), number(frame[name]["y"]), number(frame[name]["logits"])
        np.int32(int(frame["frame"])), [number(frame["bbox"][key]) for key in ("xmin", "ymin", "xmax", "ymax")]
    except MISFIT as error:
        raise LakeError(f"{path} is not a frame of InstaVariety's tracks: {error!r}") from error
    return frame


def _tracklet(frames: list[dict[str, Any]], name: str) -> dict[str, Any]:
    tag, post, _ = name.split("/")
    keypoints = np.array([[_joint(frame, joint) for joint in NAMES] for frame in frames], np.float32)
    corners = np.array([[f["bbox"][k] for k in ("xmin", "ymin", "xmax", "ymax")] for f in frames], np.float32)
    index = np.array([int(frame["frame"]) for frame in frames])
    is_visible = keypoints[..., 2] >= VISIBLE
    size = corners[:, 2:] - corners[:, :2]
    return {
        "tracklet_id": hashlib.sha256(f"instavariety/{name}".encode()).hexdigest()[:32],
        "source_id": hashlib.sha256(f"instavariety/{tag}/{post}".encode()).hexdigest(),
        "shot_index": 0, "person_index": 0, "fps_num": FPS, "fps_den": 1, "time_base_num": 1, "time_base_den": FPS,
        "width": int(np.ceil(corners[:, 2].max())), "height": int(np.ceil(corners[:, 3].max())),
        "frame_index": index.astype(np.int32), "pts": index.astype(np.int64), "observed": np.ones(len(frames), bool),
        "boxes": _squares(corners), "keypoints": keypoints.reshape(-1, 75), "n_frames": len(frames),
        "seconds": len(frames) / FPS, "mean_score": float(np.delete(keypoints[..., 2], NAMES.index("Head"), 1).mean()),
        "visible_joints": float(is_visible.sum(1).mean()), "median_diagonal_px": float(np.median(np.hypot(*size.T))),
        "tags": [tag], "backend": "openpose (InstaVariety_tracks)", "preset": "none", "licence": "unknown",
        "label_key": "instavariety_tracks", "committed_at": datetime.now(UTC),
    }  # fmt: skip


def _joint(frame: dict[str, Any], name: str) -> tuple[float, float, float]:
    if name == "Head":
        return 0.0, 0.0, 0.0
    point = frame[name]
    return float(point["x"]), float(point["y"]), float(point["logits"])


def _squares(corners_T4: np.ndarray) -> np.ndarray:
    centre = (corners_T4[:, :2] + corners_T4[:, 2:]) / 2
    half = (corners_T4[:, 2:] - corners_T4[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _video(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "source_id": row["source_id"], "url": None, "host": "instagram.com", "uploader": None, "title": None,
        "content_sha256": "", "fingerprints": [], "width": row["width"], "height": row["height"], "n_frames": 0,
        "duration_s": 0.0, "bytes": 0, "licence": "unknown", "evidence": "{}", "tags": row["tags"],
        "provenance": json.dumps({"imported_from": "InstaVariety_tracks"}), "stage_seconds": "{}",
        "label_key": row["label_key"], "committed_at": row["committed_at"],
    }  # fmt: skip
