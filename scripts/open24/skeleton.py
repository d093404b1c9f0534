"""anny's 104 bones merged into SMPL's 24 joints: who owns which bone, and where the joints lie.

Legend: N shapes, V vertices, B anny bones, J = 24 joints.
"""

import numpy as np
import numpy.typing as npt

from body.joints import SMPL_24

Array = npt.NDArray[np.float64]

SIDES = (("left_", ".L"), ("right_", ".R"))

_CENTRAL = {
    "root": "pelvis", "pelvis": "pelvis", "spine05": "pelvis", "spine04": "pelvis", "spine03": "spine1",
    "spine02": "spine2", "spine01": "spine3", "neck01": "neck", "neck02": "neck", "neck03": "head", "head": "head",
    "eye": "head",
}  # fmt: skip
"""spine04 and spine05 follow the pelvis, so that the spine joints sit at SMPL's heights (+0.12, +0.26, +0.34 m)."""

_SIDED = (
    ("clavicle", "collar"), ("shoulder01", "collar"), ("upperarm", "shoulder"), ("lowerarm", "elbow"),
    ("wrist", "wrist"), ("metacarpal", "wrist"), ("finger1", "wrist"), ("finger", "hand"), ("upperleg", "hip"),
    ("lowerleg", "knee"), ("foot", "ankle"), ("toe", "foot"), ("breast", "spine3"),
)  # fmt: skip


def owner(bone: str) -> str:
    """SMPL joint that moves this anny bone; KeyError for a bone that anny did not have in 0.6.2."""
    stem, _, side = bone.partition(".")
    if stem in _CENTRAL:
        return _CENTRAL[stem]
    for prefix, joint in _SIDED:
        if stem.startswith(prefix):
            return joint if joint in SMPL_24 else {"L": "left_", "R": "right_"}[side] + joint
    raise KeyError(f"anny bone {bone} has no owner among the 24 joints")


def merge_weights(weights_VB: Array, bone_names: tuple[str, ...]) -> Array:
    """Skinning weights (V, 24): a joint gets the sum of the weights of the bones that it owns."""
    weights_VJ = np.zeros((len(weights_VB), len(SMPL_24)))
    for column, bone in enumerate(bone_names):
        weights_VJ[:, SMPL_24.index(owner(bone))] += weights_VB[:, column]
    return weights_VJ


def at_most_four(weights_VJ: Array) -> Array:
    """Each vertex keeps the joints that hold it more than its fifth one does, so that glTF's four are exact.

    Equal weights fall together: a vertex of the middle must not keep its left joint and lose the right one.
    """
    fifth_V1 = np.sort(weights_VJ, axis=1)[:, -5:-4]
    kept_VJ = np.where(weights_VJ > fifth_V1 + 1e-9, weights_VJ, 0)
    return kept_VJ / kept_VJ.sum(1, keepdims=True)


def place_joints(heads_NB3: Array, bone_names: tuple[str, ...]) -> Array:
    """Joint centres (N, 24, 3) m from the heads of anny's bones, near where SMPL has them."""
    place = {name: heads_NB3[:, i] for i, name in enumerate(bone_names)}
    joints = _central_joints(place)
    for side, mark in SIDES:
        joints |= {side + name: point for name, point in _limb_joints(place, mark).items()}
    return np.stack([joints[name] for name in SMPL_24], axis=1)


def _central_joints(place: dict[str, Array]) -> dict[str, Array]:
    hips = 0.5 * (place["upperleg01.L"] + place["upperleg01.R"])
    return {
        # 9 cm above the hip axis is the height of SMPL's pelvis joint.
        "pelvis": hips + np.array([0, 0.09, 0]),
        "spine1": 0.45 * place["spine03"] + 0.55 * place["spine02"],
        "spine2": 0.15 * place["spine02"] + 0.85 * place["spine01"],
        "spine3": 0.7 * place["spine01"] + 0.3 * place["neck01"],
        "neck": place["neck01"],
        "head": place["neck03"],
    }


def _limb_joints(place: dict[str, Array], mark: str) -> dict[str, Array]:
    return {
        "hip": place["upperleg01" + mark],
        "knee": place["lowerleg01" + mark],
        "ankle": place["foot" + mark],
        "foot": np.mean([place[f"toe{k}-1{mark}"] for k in (1, 2, 3, 4)], axis=0),
        "collar": 0.5 * (place["clavicle" + mark] + place["shoulder01" + mark]),
        "shoulder": place["upperarm01" + mark],
        "elbow": place["lowerarm01" + mark],
        "wrist": place["wrist" + mark],
        "hand": np.mean([place[f"finger{k}-1{mark}"] for k in (2, 3, 4, 5)], axis=0),
    }
