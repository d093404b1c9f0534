"""What other skeletons call SMPL's joints. A family fits a file that has every one of its names."""

from collections.abc import Sequence

from body.joints import SMPL_24

_LIMBS_CMU = {
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand",
}  # fmt: skip
_LIMBS_COLLAR = {
    "hip": "Hip", "knee": "Knee", "ankle": "Ankle", "foot": "Toes", "collar": "Collar", "shoulder": "Shoulder",
    "elbow": "Elbow", "wrist": "Wrist",
}  # fmt: skip
_LIMBS_ASF = {
    "hip": "femur", "knee": "tibia", "ankle": "foot", "foot": "toes", "collar": "clavicle", "shoulder": "humerus",
    "elbow": "radius", "wrist": "wrist",
}  # fmt: skip


def _family(centre: dict[str, str], limbs: dict[str, str], left: str, right: str) -> dict[str, str]:
    sided = {f"left_{ours}": left + theirs for ours, theirs in limbs.items()}
    sided |= {f"right_{ours}": right + theirs for ours, theirs in limbs.items()}
    return centre | sided


FAMILIES: dict[str, dict[str, str]] = {
    "our own export": {name: name for name in SMPL_24},
    "CMU as BVH (cgspeed)": _family(
        {"pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1", "neck": "Neck",
         "head": "Head"},
        _LIMBS_CMU, "Left", "Right",
    ),
    "CMU as ASF/AMC": _family(
        {"pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax", "neck": "lowerneck",
         "head": "head"},
        _LIMBS_ASF, "l", "r",
    ),
    "Mixamo and MotionBuilder": _family(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head"},
        _LIMBS_CMU, "Left", "Right",
    ),
    "LAFAN1": _family(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head"},
        _LIMBS_CMU | {"foot": "Toe"}, "Left", "Right",
    ),
    "Collar and Hip names": _family(
        {"pelvis": "Hips", "spine1": "Ab", "spine3": "Chest", "neck": "Neck", "head": "Head"},
        _LIMBS_COLLAR, "Left", "Right",
    ),
}  # fmt: skip
"""SMPL joint -> name in the file, by the family of skeletons. Joints without an entry move with their parent."""


def match_names(names: Sequence[str]) -> dict[str, int]:
    """SMPL joint -> index in `names`, for the first family that fits; prefixes like "mixamorig:" are ignored.

    Raises ValueError with the nearest family and the names that it lacks.
    """
    place = {name.rpartition(":")[2]: i for i, name in enumerate(names)}
    lacking = {family: sorted(set(theirs.values()) - place.keys()) for family, theirs in FAMILIES.items()}
    nearest = min(lacking, key=lambda family: len(lacking[family]))
    if lacking[nearest]:
        raise ValueError(f"no known skeleton; nearest is {nearest!r}, which lacks {', '.join(lacking[nearest][:8])}")
    return {ours: place[theirs] for ours, theirs in FAMILIES[nearest].items()}
