"""The rival of unlabelled film that costs nothing: labelled 3D seen by random cameras.

Only where φ is the keypoints: an image's φ would need pixels from the new camera. For such a φ the rival would be a
loss alone, the labelled frames' predicted joints against the true ones in random views; its mean over all views is a
distance in 3D, which is the labelled windows' own loss already, so there is no such row.

The views are pseudo-labels: 2D with a detector's errors, no 3D, in the half of a batch that film would fill.
T frames, J 25 keypoints; metres, camera axes (x right, y down, z forward).
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from scipy.spatial.transform import Rotation

from body.boxes import smooth_boxes
from flows.memory_lake import MemoryLake
from flows.study.changed_labels import keypoints_phi
from harvest.backends.label_noise import NoiseModel, noisy
from harvest.phi.keypoints import KeypointsPhi
from storage.lake import Lake
from storage.tables import Labels3D, read_labels3d, rows_to_table

VIEWS = 32
"""Cameras a tracklet, as many as the largest pool has films to a labelled one."""
FOCAL_PX = 500.0
DISTANCE_M, PITCH_DEG, ROLL_SD_DEG = (2.5, 6.0), (-10.0, 40.0), 5.0
"""Of the wild cameras that film the pool (openworld/scene/camera.py)."""
_SEEN = 0.1


def reprojected(labelled: Lake, ids: Sequence[str], seed: int) -> MemoryLake:
    """VIEWS tracklets of each labelled one whose frames all have 3D: turned about the camera's vertical by any angle,
    then pitched, rolled and moved away as a camera of the pool, and misread as the fitted detector misreads."""
    rows = labelled.read("tracklets", None, pc.field("tracklet_id").isin(list(ids))).to_pylist()
    labels = read_labels3d(labelled, ids)
    tracklets, features = [], []
    for row in rows:
        label = labels.get(row["tracklet_id"])
        if label is None or not _complete(label):
            continue
        for view, keypoints_TJ3 in enumerate(_views(row["tracklet_id"], label, seed)):
            tracklets.append(_tracklet(row, view, keypoints_TJ3))
            features.append(_feature(tracklets[-1], keypoints_TJ3))
    tables = {"tracklets": tracklets, "features": features}
    return MemoryLake(
        f"{labelled.root} seen by random cameras", {name: rows_to_table(name, made) for name, made in tables.items()}
    )


def _complete(label: Labels3D) -> bool:
    return bool(label.valid.all() and np.isfinite(label.keypoints_3d).all())


def _views(tracklet_id: str, label: Labels3D, seed: int) -> Iterator[np.ndarray]:
    """Noisy keypoints (T, J, 3) px of each view."""
    digest = hashlib.sha256(f"view {seed} {tracklet_id}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    points_TJ3 = label.keypoints_3d.astype(np.float64)
    about = points_TJ3.reshape(-1, 3).mean(0)
    for _ in range(VIEWS):
        turned = _camera(rng).apply((points_TJ3 - about).reshape(-1, 3)).reshape(points_TJ3.shape)
        turned[..., 2] += max(rng.uniform(*DISTANCE_M), 0.5 - turned[..., 2].min())
        pixels = FOCAL_PX * turned[..., :2] / turned[..., 2:]
        true_TJ3 = np.concatenate([pixels, np.ones((*pixels.shape[:2], 1))], axis=-1)
        side_T = (pixels.max(1) - pixels.min(1)).max(-1)
        yield noisy(true_TJ3, side_T, NoiseModel(person_missed=0.0), rng).keypoints_F25x3


def _camera(rng: np.random.Generator) -> Rotation:
    """Yaw about the camera's own vertical first; a camera that looks down by p turns points by p about x."""
    angles = [rng.normal(0, ROLL_SD_DEG), rng.uniform(*PITCH_DEG), rng.uniform(0, 360)]
    return Rotation.from_euler("ZXY", angles, degrees=True)


def _tracklet(row: dict[str, Any], view: int, keypoints_TJ3: np.ndarray) -> dict[str, Any]:
    name = hashlib.sha256(f"{row['tracklet_id']}/view {view}".encode()).hexdigest()[:32]
    boxes_T4 = smooth_boxes(keypoints_TJ3, _SEEN)
    return row | {"tracklet_id": name, "keypoints": keypoints_TJ3.reshape(len(keypoints_TJ3), -1), "boxes": boxes_T4}


def _feature(tracklet: dict[str, Any], keypoints_TJ3: np.ndarray) -> dict[str, Any]:
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "phi_name": KeypointsPhi.name,
        "phi_dim": KeypointsPhi.dim, "phi": keypoints_phi(tracklet["boxes"], keypoints_TJ3), "zero_shot_3d": None,
        "label_key": tracklet["label_key"],
    }  # fmt: skip
