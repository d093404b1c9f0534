"""The universal 25 keypoints as convex sums of vertices of the open body.

Legend: K = 25 keypoints, S anny's 23 surface points, J = 24 joints, V vertices.
"""

import numpy as np
import numpy.typing as npt

from body.joints import KEYPOINTS_25, SMPL_24, mirror_permutation

Array = npt.NDArray[np.float64]

CROWN_HALF_WIDTH_M = 0.03
CROWN_DEPTH_M = 0.004


def keypoint_regressor(
    names: tuple[str, ...], surface_SV: Array, joints_JV: Array, template_V3: Array, mirror_V: npt.NDArray[np.int64]
) -> Array:
    """Regressor (25, V) by name; rows sum to one; symmetric under the mirror."""
    rows = dict(zip(names, surface_SV, strict=True))
    shoulders_V = 0.5 * (rows["left_shoulder"] + rows["right_shoulder"])
    # The detectors' "neck" lies between the spine's neck joint and the line of the shoulders.
    rows["neck"] = 0.5 * joints_JV[SMPL_24.index("neck")] + 0.5 * shoulders_V
    rows["head_top"] = _crown(template_V3)
    regressor_KV = np.stack([rows[name] / rows[name].sum() for name in KEYPOINTS_25])
    swap_K = mirror_permutation(KEYPOINTS_25)
    return 0.5 * (regressor_KV + regressor_KV[swap_K][:, mirror_V])


def _crown(template_V3: Array) -> Array:
    """Mean of the vertices within 4 mm of the highest one and near the middle."""
    x_V, y_V = np.abs(template_V3[:, 0]), template_V3[:, 1]
    crown_V = (x_V < CROWN_HALF_WIDTH_M) & (y_V > y_V.max() - CROWN_DEPTH_M)
    return crown_V / crown_V.sum()
