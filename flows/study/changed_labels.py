"""The pool's pseudo-labels made worse or perfect, for the same tracklets: quantity against quality.

Boxes and an image's φ stay what they were; where φ is the keypoints themselves it follows them.
T frames, J 25 keypoints; px of the source frame.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from body.boxes import keypoint_boxes
from flows.memory_lake import MemoryLake
from harvest.backends.label_noise import NO_NOISE, NoiseModel, noisy
from harvest.phi.keypoints import KeypointsPhi
from storage.lake import Lake
from storage.tables import ZERO_SHOT, TrackletArrays, iter_tracklets, list_array, read_labels3d

HIDDEN_SCORE = 0.25
"""What the backend `truth` gives a joint that is in the picture but hidden."""

_SEEN = 0.1

Change = Callable[[TrackletArrays], np.ndarray]
"""New keypoints (T, J, 3) of a tracklet."""


def with_noise(lake: Lake, ids: Sequence[str], phi_name: str, sigmas: float) -> MemoryLake:
    """The tracklets `ids` with Gaussian noise on each detected joint: `sigmas` times the fitted noise model's
    deviation, its scale for each joint and its correlation from frame to frame (harvest/backends/label_noise.py).

    Scores stay. The noise is a function of the tracklet alone, so each level is the same noise made larger.
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

    kept = [one for one in ids if one in truth]
    return _changed(lake, kept, phi_name, change, f"{lake.root} with true 2D")


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
    return [follows[one] if name == KeypointsPhi.name else phi for one, name, phi in zip(*columns, strict=True)]


def _with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    column = list_array(values, field.type) if pa.types.is_list(field.type) else pa.array(values, field.type)
    return table.set_column(table.schema.get_field_index(name), field, column)


def _sides(tracklet: TrackletArrays) -> np.ndarray:
    """(T,) px: the longer side of the box about the seen joints, the tracklet's median throughout."""
    boxes_T4, there = keypoint_boxes(tracklet.keypoints, _SEEN)
    size_T = (boxes_T4[:, 2:] - boxes_T4[:, :2]).max(-1)
    return np.full(len(size_T), float(np.median(size_T[there])) if there.any() else 0.0)
