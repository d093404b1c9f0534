"""Read AMASS sequences (.npz): the SMPL-H release and the SMPL-X release. Both are z-up and become y-up.

Only the first 22 joints are taken; SMPL's two hand joints stay at rest. AMASS is licensed by its authors for
non-commercial research; nothing of it is part of this project.
Legend: T frames.
"""

from pathlib import Path

import numpy as np
import torch

from body.joints import SMPL_24
from body.motion import Motion, MotionFileError
from body.npz_file import NpzError, read_npz
from body.rotations import axis_angle_to_matrix

BODY_JOINTS = 22
RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")
"""The SMPL-H release spells it the first way, the SMPL-X release the second."""

Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def read_amass(path: str | Path) -> Motion:
    """The sequence with AMASS's own rotations; MotionFileError names the file and what it lacks.

    Translation is that of AMASS's body, turned to y up. Its pelvis lies a constant 0.2 to 0.4 m from its origin,
    along what becomes our horizontal z: the place in the world is off by that constant, the motion is not.
    """
    path = Path(path)
    poses, translation, fps = _read(path)
    axis_angle = torch.as_tensor(poses[:, : 3 * BODY_JOINTS].reshape(len(poses), BODY_JOINTS, 3))
    rotations = np.tile(np.eye(3), (len(poses), len(SMPL_24), 1, 1))
    rotations[:, :BODY_JOINTS] = axis_angle_to_matrix(axis_angle).numpy()
    rotations[:, 0] = Z_UP_TO_Y_UP @ rotations[:, 0]
    return Motion(path.stem, fps, rotations.astype(np.float32), (translation @ Z_UP_TO_Y_UP.T).astype(np.float32))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    try:
        stored = read_npz(path, {"poses", "trans", *RATE_KEYS})
        missing = {"poses", "trans"} - stored.keys()
        if not missing and not stored.keys() & set(RATE_KEYS):
            missing = {"mocap_frame_rate"}
        if missing:
            raise MotionFileError(f"{path}: not an AMASS sequence, it lacks {', '.join(sorted(missing))}")
        poses, translation = stored["poses"].astype(np.float64), stored["trans"].astype(np.float64)
        fps = float(next(stored[key] for key in RATE_KEYS if key in stored))
    except MotionFileError:
        raise
    except (NpzError, ValueError, TypeError) as problem:
        raise MotionFileError(f"{path}: not a readable AMASS sequence ({problem})") from problem
    if poses.ndim != 2 or poses.shape[1] < 3 * BODY_JOINTS or translation.shape != (len(poses), 3) or not len(poses):
        raise MotionFileError(f"{path}: poses {poses.shape} and trans {translation.shape} do not fit together")
    if not (np.isfinite(poses).all() and np.isfinite(translation).all() and np.isfinite(fps) and fps > 0):
        raise MotionFileError(f"{path}: it holds NaN or infinity, or a frame rate that is not positive")
    return poses, translation, fps
