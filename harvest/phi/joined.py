"""Several φ side by side, as `storage.tables.read_phi` gives them for a name such as `a+zero_shot+keypoints`.

N crops, D numbers of all parts.
"""

from collections.abc import Sequence

import numpy as np

from harvest.registry import make_phis
from storage.tables import ZERO_SHOT

SAYS_3D = "blazepose_penultimate"
"""The φ whose network says 3D itself; read where a name asks for `zero_shot` alone."""


def harvested_parts(phi_name: str) -> tuple[str, ...]:
    """The φ that a harvest must compute for this name, each once."""
    parts = list(dict.fromkeys(phi_name.split("+")))
    if ZERO_SHOT in parts:
        parts.remove(ZERO_SHOT)
        parts += [SAYS_3D] if SAYS_3D not in parts else []
    return tuple(parts)


def joined_features(
    phi_name: str, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray, device: str = "cpu"
) -> np.ndarray:
    """(N, D) float32 of every part in the order of the name. ValueError for a part that does not exist."""
    names = harvested_parts(phi_name)
    found, zero_shot_ND = {}, np.zeros((len(frames), 75), np.float32)
    for name, phi in zip(names, make_phis(names, device), strict=True):
        found[name], said_N25x3 = phi.features(frames, boxes_N4, keypoints_N25x3)
        if said_N25x3 is not None:
            zero_shot_ND = np.nan_to_num(said_N25x3).reshape(len(frames), 75)
    return np.concatenate([found.get(name, zero_shot_ND) for name in phi_name.split("+")], axis=1)
