"""Maps any detector's joints to the universal 25 keypoints, by name. Letters: P people, J joints of the detector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from body.joints import COCO_17, KEYPOINTS_25

HALPE_26: tuple[str, ...] = (
    *COCO_17, "head", "neck", "hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)  # fmt: skip
"""Halpe's body with feet, the order of RTMPose's 26-joint models. Its head is the top of the head."""

_COCO_FEET = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")
COCO_WHOLEBODY_23: tuple[str, ...] = (*COCO_17, *_COCO_FEET)
"""The first 23 of COCO-WholeBody's 133: body and feet; the rest are face and hands."""

BY_COUNT: dict[int, tuple[str, ...]] = {17: COCO_17, 26: HALPE_26, 133: COCO_WHOLEBODY_23}
"""Joint names of a model that gives only their number."""

_HALPE_NAMES = {"head": "head_top"}
_NAMES = {"top_head": "head_top", "upper_neck": "neck"}


@dataclass(frozen=True)
class JointMap:
    """Joint `sources[k]` of the detector is keypoint `slots[k]` of the 25."""

    slots: list[int]
    sources: list[int]

    @classmethod
    def of(cls, names: Sequence[str]) -> "JointMap":
        """From the detector's joint names; ValueError if it has none of the 25."""
        halpe = set(HALPE_26) <= set(names)
        plain = [(_HALPE_NAMES if halpe else _NAMES).get(name, name) for name in names]
        common = [(KEYPOINTS_25.index(name), place) for place, name in enumerate(plain) if name in KEYPOINTS_25]
        if not common:
            raise ValueError(f"none of the detector's joints is known: {', '.join(names[:5])}")
        return cls([slot for slot, _ in common], [place for _, place in common])

    @property
    def joints(self) -> tuple[str, ...]:
        """The keypoints of the 25 that the detector has."""
        return tuple(KEYPOINTS_25[slot] for slot in sorted(self.slots))

    def to_25(self, points_PJ2: np.ndarray, scores_PJ: np.ndarray) -> np.ndarray:
        """(P, 25, 3): x, y px and score, clipped to [0, 1]; 0 for keypoints that the detector lacks."""
        out = np.zeros((len(points_PJ2), 25, 3), np.float32)
        out[:, self.slots, :2] = points_PJ2[:, self.sources]
        out[:, self.slots, 2] = np.clip(scores_PJ[:, self.sources], 0, 1)
        return out
