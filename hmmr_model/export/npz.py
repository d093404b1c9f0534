"""A person's motion as one .npz: the arrays that a researcher goes on with.

`rotations (T,24,3,3)`, `poses (T,72)` axis-angle, `betas (T,10)`, `camera (T,3)` weak perspective in the crop,
`translation (T,3)`, `joints (T,24,3)`, `keypoints_3d (T,25,3)` metres in the camera frame, `keypoints_2d (T,25,2)` px,
`frame_index (T)`, `pts (T)`, `time_base (2)` numerator and denominator of the seconds per unit of pts, `seconds (T)`
since the person's first frame, `contact (T,2)` whether the left and the right foot stands, `confidence (T)` mean score
of the 12 limb keypoints, `bridged (T)` True where nobody was detected and keypoints were filled in, and the first eight
again with `past_` and `future_`. `focal` px and `frame_size` (width, height) are the camera; all people of a shot stand
in its frame. `focal_assumed` is True where nobody gave the focal length: distances then scale with it.
"""

import io
from pathlib import Path

import numpy as np

from hmmr_model.export.person_motion import PersonMotion, PlacedPose
from storage.atomic import write_atomically

POSE_ARRAYS = ("rotations", "poses", "betas", "camera", "translation", "joints", "keypoints_3d", "keypoints_2d")


def motion_arrays(motion: PersonMotion) -> dict[str, np.ndarray]:
    """The arrays of the file by name."""
    geometry = motion.geometry
    arrays: dict[str, np.ndarray] = _pose_arrays("", motion.now) | {
        "frame_index": motion.frame_index,
        "pts": motion.pts,
        "time_base": np.array([geometry.time_base.numerator, geometry.time_base.denominator], np.int64),
        "seconds": motion.seconds,
        "contact": motion.contact,
        "confidence": motion.confidence,
        "bridged": motion.bridged,
        "focal": np.array(geometry.focal),
        "focal_assumed": np.array(geometry.known_focal is None),
        "frame_size": np.array([geometry.width, geometry.height], np.int32),
    }
    for prefix, pose in (("past_", motion.past), ("future_", motion.future)):
        if pose is not None:
            arrays |= _pose_arrays(prefix, pose)
    return arrays


def write_npz(motion: PersonMotion, path: Path) -> Path:
    """Write the file, whole or not at all."""
    content = io.BytesIO()
    # np.savez's stub takes its keyword `allow_pickle` for one of ours.
    np.savez_compressed(content, **motion_arrays(motion))  # type: ignore[arg-type]
    return write_atomically(path, content.getvalue())


def _pose_arrays(prefix: str, pose: PlacedPose) -> dict[str, np.ndarray]:
    return {prefix + name: getattr(pose, name) for name in POSE_ARRAYS}
