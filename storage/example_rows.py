"""Generated rows that fit the schemas, for tests and benchmarks. Keypoints are smooth random walks, nobody's video."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from storage.tables import rows_to_table

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def source_name(index: int) -> str:
    """A source id as the harvester makes them."""
    return hashlib.sha256(f"https://films.test/{index}.mp4".encode()).hexdigest()


def tracklet_row(source_id: str, person: int = 0, frames: int = 30, **changes: Any) -> dict[str, Any]:
    """One row of `tracklets`; `changes` replace columns."""
    name = hashlib.sha256(f"{source_id}/{person}/{changes.get('label_key', 'k1')}".encode()).hexdigest()
    random = np.random.default_rng(int(name[:12], 16))
    steps_T25x3 = random.normal(0, 1.5, (frames, 25, 3)).cumsum(0) + random.uniform(100, 500, (25, 3))
    steps_T25x3[..., 2] = random.uniform(0.3, 1.0, (frames, 25))
    row = {
        "tracklet_id": name[:32], "source_id": source_id, "shot_index": 0, "person_index": person,
        "fps_num": 25, "fps_den": 1, "time_base_num": 1, "time_base_den": 12800, "width": 640, "height": 360,
        "frame_index": np.arange(frames, dtype=np.int32), "pts": np.arange(frames, dtype=np.int64) * 512,
        "observed": np.ones(frames, bool), "boxes": _squares(random, frames),
        "keypoints": steps_T25x3.astype(np.float32).reshape(frames, 75), "n_frames": frames, "seconds": frames / 25,
        "mean_score": 0.7, "visible_joints": 20.0, "median_diagonal_px": 200.0, "tags": ["walk"], "backend": "truth",
        "preset": "default", "licence": "open", "label_key": "k1", "committed_at": WHEN,
    }  # fmt: skip
    return {**row, **changes}


def _squares(random: np.random.Generator, frames: int) -> Any:
    corner = random.uniform(0, 200, (frames, 2))
    return np.concatenate([corner, corner + random.uniform(100, 200)], axis=1).astype(np.float32)


def feature_row(tracklet: dict[str, Any], dim: int = 8, phi_name: str = "keypoints") -> dict[str, Any]:
    """The row of `features` that belongs to a tracklet."""
    random = np.random.default_rng(int(tracklet["tracklet_id"][:12], 16))
    phi_TxD = random.normal(0, 1, (tracklet["n_frames"], dim)).astype("<f2")
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "phi_name": phi_name,
        "phi_dim": dim, "phi": phi_TxD.tobytes(), "label_key": tracklet["label_key"],
        "zero_shot_3d": random.normal(0, 0.3, (tracklet["n_frames"], 75)).astype(np.float32),
    }  # fmt: skip


def video_row(source_id: str, **changes: Any) -> dict[str, Any]:
    """One row of `videos`."""
    row = {
        "source_id": source_id, "url": f"https://films.test/{source_id[:8]}.mp4", "host": "films.test",
        "uploader": f"uploader-{source_id[:6]}", "title": f"a film {source_id[:6]}",
        "content_sha256": hashlib.sha256(source_id.encode()).hexdigest(),
        "fingerprints": [int(source_id[:15], 16)], "width": 640, "height": 360, "n_frames": 30, "duration_s": 1.2,
        "bytes": 1000, "licence": "open", "evidence": "{}", "tags": ["walk"], "provenance": "{}",
        "stage_seconds": '{"decode": {"wall": 0.1, "cpu": 0.1}}', "label_key": "k1", "committed_at": WHEN,
    }  # fmt: skip
    return {**row, **changes}


def reject_row(source_id: str, **changes: Any) -> dict[str, Any]:
    """One row of `rejects`."""
    row = {
        "source_id": source_id, "shot_index": 0, "person_index": 9, "first_frame": 0, "last_frame": 4, "n_frames": 5,
        "stage": "filter", "reason": "too_short", "measured": 5.0, "threshold": 20.0, "preset": "default",
        "label_key": "k1",
        "keypoints": np.random.default_rng(int(source_id[:12], 16)).uniform(1, 600, (2, 75)).astype(np.float32),
    }  # fmt: skip
    return {**row, **changes}


def shot_row(source_id: str, **changes: Any) -> dict[str, Any]:
    """One row of `shots`."""
    row = {
        "source_id": source_id, "shot_index": 0, "first_frame": 0, "last_frame": 29, "first_pts": 0, "last_pts": 14848,
        "n_tracks": 2, "label_key": "k1",
    }  # fmt: skip
    return {**row, **changes}


def shard(sources: list[str], people: int = 2, frames: int = 30, label_key: str = "k1") -> dict[str, pa.Table]:
    """All tables of a commit of some videos."""
    key = {"label_key": label_key}
    tracklets = [tracklet_row(s, p, frames, **key) for s in sources for p in range(people)]
    return {
        "tracklets": rows_to_table("tracklets", tracklets),
        "features": rows_to_table("features", [feature_row(row) for row in tracklets]),
        "videos": rows_to_table("videos", [video_row(s, **key) for s in sources]),
        "rejects": rows_to_table("rejects", [reject_row(s, **key) for s in sources]),
        "shots": rows_to_table("shots", [shot_row(s, **key) for s in sources]),
    }
