"""Pseudo-labels that a study changes in memory: noisy 2D, true 2D, shorter stretches, random cameras.

`with_noise` and `with_true_2d` change the keypoints of the pool's own tracklets. Boxes and the φ of an image stay; the
φ `keypoints` follows the changed keypoints.

`stretches` cuts each tracklet to a part of its length, so that the same hours come from more videos: quantity against
diversity.

`reprojected` projects the labelled tracklets' 3D into random cameras and adds a detector's errors: 2D pseudo-labels
without any film, in the half of a batch that film would fill. It exists for the φ `keypoints` only, since the φ of an
image would need pixels from the new camera.

Legend: T frames, J = 25 keypoints; px of the source frame, and metres in camera axes (x right, y down, z forward).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.spatial.transform import Rotation

from body.boxes import keypoint_boxes, smooth_boxes
from evaluation.study.config import StudyConfigError
from harvest.backends.label_noise import NO_NOISE, NoiseModel, noisy
from harvest.phi.keypoints import KeypointsPhi
from storage.lake import Lake, MemoryLake
from storage.snapshot import Snapshot, source_order
from storage.tables import ZERO_SHOT, Labels3D, TrackletArrays, iter_tracklets, list_array, read_labels3d, rows_to_table

HIDDEN_SCORE = 0.25
"""The score that the backend `truth` gives a joint that is inside the picture but hidden."""

_SEEN = 0.1
"""Keypoints with less than this score do not shape a box."""

LEAST_STRETCH = 20
"""Frames of one training window (hmmr_model/configs.py): a shorter tracklet is not trained on."""

VIEWS = 32
"""Random cameras for each labelled tracklet: the study's largest pool has 32 films for each labelled one."""
FOCAL_PX = 500.0
DISTANCE_M, PITCH_DEG, ROLL_SD_DEG = (2.5, 6.0), (-10.0, 40.0), 5.0
"""Range of distance and pitch, and spread of roll, of the cameras that film the pool (openworld/scene/camera.py)."""

Change = Callable[[TrackletArrays], np.ndarray]
"""New keypoints (T, J, 3) of a tracklet."""


def with_noise(lake: Lake, ids: Sequence[str], phi_name: str, sigmas: float) -> MemoryLake:
    """The tracklets `ids` with Gaussian noise added to each detected joint; scores stay.

    The deviation is `sigmas` times that of the fitted noise model, with its scale for each joint and its correlation
    from frame to frame (harvest/backends/label_noise.py). The noise is a function of the tracklet alone: a higher
    level is the same noise, scaled.
    """
    model = replace(NO_NOISE, deviation=sigmas * NoiseModel().deviation, correlation=NoiseModel().correlation)

    def change(tracklet: TrackletArrays) -> np.ndarray:
        seed = hashlib.sha256(f"noise {tracklet.tracklet_id}".encode()).digest()[:8]
        rng = np.random.default_rng(int.from_bytes(seed, "little"))
        moved = noisy(tracklet.keypoints, _sides(tracklet), model, rng).keypoints_F25x3
        return np.concatenate([moved[..., :2], tracklet.keypoints[..., 2:]], axis=-1)

    return _changed(lake, ids, phi_name, change, f"{lake.root} with {sigmas:g} sigma of noise")


def with_true_2d(lake: Lake, ids: Sequence[str], phi_name: str) -> MemoryLake:
    """The tracklets `ids` with the true projections of the lake's labels3d; frames without truth have no keypoint."""
    truth = read_labels3d(lake, ids)

    def change(tracklet: TrackletArrays) -> np.ndarray:
        label = truth[tracklet.tracklet_id]
        known = label.valid[:, None] & np.isfinite(label.keypoints_2d[..., :2]).all(-1)
        score = np.where(known, np.where(label.keypoints_2d[..., 2] > 0, 1.0, HIDDEN_SCORE), 0.0)
        return np.concatenate([np.where(known[..., None], label.keypoints_2d[..., :2], 0), score[..., None]], axis=-1)

    with_truth = [tracklet_id for tracklet_id in ids if tracklet_id in truth]
    return _changed(lake, with_truth, phi_name, change, f"{lake.root} with true 2D")


PER_FRAME = ("frame_index", "pts", "observed", "boxes", "keypoints")
"""Columns of `tracklets` with an entry for each frame."""


def stretches(lake: Lake, pool: Snapshot, phi_name: str, *, hours: float, spread: float, seed: int) -> MemoryLake:
    """One stretch of 1/`spread` of its length out of each tracklet, of as many videos as make up `hours`.

    Videos are taken in the order in which `storage.snapshot.nested` takes whole ones, so the same hours come from
    about `spread` times as many videos. Where a stretch begins is a function of the tracklet alone. A stretch has at
    least LEAST_STRETCH frames. StudyConfigError where the pool has not enough videos.
    """
    lengths = _lengths(lake, pool, spread)
    chosen, total = set[str](), 0.0
    for source in source_order(pool.sources, seed):
        members = [member for member in pool.members if member.source_id == source]
        seconds = sum(member.seconds * lengths[member.tracklet_id][1] for member in members)
        if total + seconds / 2 > hours * 3600 + 1e-9:
            break
        chosen |= {member.tracklet_id for member in members}
        total += seconds
    else:
        if total < 0.9 * hours * 3600:
            raise StudyConfigError(f"spread {spread:g}: the pool has {total / 3600:.3g} hours in such stretches, "
                                   f"{hours:.3g} are asked for; take a smaller share")  # fmt: skip
    among = pc.field("tracklet_id").isin(pa.array(sorted(chosen), pa.string()))
    tracklets = lake.read("tracklets", None, among).sort_by("tracklet_id").to_pylist()
    needed = pc.field("phi_name").isin(phi_name.split("+")) | pc.field("zero_shot_3d").is_valid()
    features = lake.read("features", None, among & needed).to_pylist()
    tables = {
        "tracklets": [_cut_tracklet(row, lengths[row["tracklet_id"]][0]) for row in tracklets],
        "features": [_cut_feature(row, lengths[row["tracklet_id"]][0]) for row in features],
    }
    name = f"{lake.root} in stretches of 1/{spread:g}"
    return MemoryLake(name, {table: rows_to_table(table, rows) for table, rows in tables.items()})


def _lengths(lake: Lake, pool: Snapshot, spread: float) -> dict[str, tuple[slice, float]]:
    """Frames of each tracklet's stretch, and the share of the tracklet that they are."""
    counts = lake.read("tracklets", ["tracklet_id", "n_frames"]).to_pylist()
    frames = {row["tracklet_id"]: row["n_frames"] for row in counts}
    stretch_of = {}
    for tracklet_id in pool.tracklet_ids:
        n = frames[tracklet_id]
        length = min(n, max(LEAST_STRETCH, round(n / spread)))
        digest = hashlib.sha256(f"stretch {tracklet_id}".encode()).digest()[:8]
        start = int.from_bytes(digest, "little") % (n - length + 1)
        stretch_of[tracklet_id] = slice(start, start + length), length / n
    return stretch_of


def _cut_tracklet(row: dict[str, Any], at: slice) -> dict[str, Any]:
    share = (at.stop - at.start) / row["n_frames"]
    cut = {name: row[name][at] for name in PER_FRAME}
    return row | cut | {"n_frames": at.stop - at.start, "seconds": row["seconds"] * share}


def _cut_feature(row: dict[str, Any], at: slice) -> dict[str, Any]:
    width = 2 * row["phi_dim"]
    solid, turn = row["zero_shot_3d"], row.get("turn")
    return row | {
        "phi": row["phi"][at.start * width : at.stop * width],
        "zero_shot_3d": None if solid is None else solid[at],
        "turn": None if turn is None else turn[at],
    }


def _changed(lake: Lake, ids: Sequence[str], phi_name: str, change: Change, name: str) -> MemoryLake:
    among = pc.field("tracklet_id").isin(pa.array(list(ids), pa.string()))
    tracklets = lake.read("tracklets", None, among).sort_by("tracklet_id")
    before = list(iter_tracklets(lake, ids))
    after = [change(tracklet).astype(np.float32) for tracklet in before]
    flat = [keypoints_TJ3.reshape(len(keypoints_TJ3), -1) for keypoints_TJ3 in after]
    parts = phi_name.split("+")
    needed = pc.field("phi_name").isin(parts)
    if ZERO_SHOT in parts:
        needed = needed | pc.field("zero_shot_3d").is_valid()
    features = lake.read("features", None, among & needed)
    follows = {t.tracklet_id: keypoints_phi(t.boxes, new) for t, new in zip(before, after, strict=True)}
    return MemoryLake(name, {
        "tracklets": _with_column(tracklets, "keypoints", flat),
        "features": _with_column(features, "phi", _phi(features, follows)),
        "labels3d": lake.read("labels3d", None, among),
    })  # fmt: skip


def keypoints_phi(boxes_T4: np.ndarray, keypoints_TJ3: np.ndarray) -> bytes:
    """φ of these keypoints as the harvest would write it."""
    phi_TD, _ = KeypointsPhi().features((), boxes_T4, keypoints_TJ3)
    return phi_TD.astype("<f2").tobytes()


def _phi(features: pa.Table, follows: dict[str, bytes]) -> list[bytes]:
    columns = (features[name].to_pylist() for name in ("tracklet_id", "phi_name", "phi"))
    return [
        follows[tracklet_id] if name == KeypointsPhi.name else phi
        for tracklet_id, name, phi in zip(*columns, strict=True)
    ]


def _with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    column = list_array(values, field.type) if pa.types.is_list(field.type) else pa.array(values, field.type)
    return table.set_column(table.schema.get_field_index(name), field, column)


def _sides(tracklet: TrackletArrays) -> np.ndarray:
    """(T,) px: the longer side of the box about the seen joints, the tracklet's median throughout."""
    boxes_T4, has_box_T = keypoint_boxes(tracklet.keypoints, _SEEN)
    size_T = (boxes_T4[:, 2:] - boxes_T4[:, :2]).max(-1)
    return np.full(len(size_T), float(np.median(size_T[has_box_T])) if has_box_T.any() else 0.0)


def reprojected(labelled: Lake, ids: Sequence[str], seed: int) -> MemoryLake:
    """Projects the 3D of each labelled tracklet of `ids` into VIEWS random cameras, with a fitted detector's errors.

    Tracklets with a frame without 3D are left out. The cameras are a function of `seed` and the tracklet alone.
    """
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
        f"{labelled.root} seen by random cameras",
        {name: rows_to_table(name, table_rows) for name, table_rows in tables.items()},
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
