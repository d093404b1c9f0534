"""Concatenates several φ, as `storage.tables.read_phi` does for a name such as `a+zero_shot+keypoints`.

Letters: N crops, D dimension of all parts.
"""

from collections.abc import Sequence

import numpy as np

from harvest.phi.protocol import TurnedPhi
from harvest.registry import make_phis
from storage.tables import TURN, ZERO_SHOT

PHI_WITH_3D = "blazepose_penultimate"
"""The φ whose network has its own 3D; computed where a name asks for `zero_shot` alone."""

PHI_WITH_TURN = "blazepose_turned"
"""The φ whose crops are turned; computed where a name asks for `turn` alone."""


def harvested_parts(phi_name: str) -> tuple[str, ...]:
    """The φs that a harvest must compute for this name, each once."""
    parts = list(dict.fromkeys(phi_name.split("+")))
    if ZERO_SHOT in parts:
        parts.remove(ZERO_SHOT)
        parts += [PHI_WITH_3D] if not set(parts) & {PHI_WITH_3D, PHI_WITH_TURN} else []
    if TURN in parts:
        parts.remove(TURN)
        parts += [PHI_WITH_TURN] if PHI_WITH_TURN not in parts else []
    return tuple(parts)


def joined_features(
    phi_name: str, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray, device: str = "cpu"
) -> np.ndarray:
    """(N, D) float32, the parts in the order of the name. ValueError for an unknown part."""
    names = harvested_parts(phi_name)
    features = {ZERO_SHOT: np.zeros((len(frames), 75), np.float32)}
    for name, phi in zip(names, make_phis(names, device), strict=True):
        features[name], own_N25x3 = phi.features(frames, boxes_N4, keypoints_N25x3)
        if own_N25x3 is not None:
            features[ZERO_SHOT] = np.nan_to_num(own_N25x3).reshape(len(frames), 75)
        if isinstance(phi, TurnedPhi):
            features[TURN] = phi.turns(keypoints_N25x3).reshape(len(frames), 1)
    return np.concatenate([features[name] for name in phi_name.split("+")], axis=1)
