"""A motion of the 24 joints through time, and its resampling; what every motion reader returns.

Axes: y up, metres; the person faces +z where the rotations are the identity, left at +x.
Legend: T frames, S sampled frames, J joints.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation


class MotionFileError(ValueError):
    """A motion file is damaged, of another kind, or of a skeleton that we do not know; the message names the file."""


@dataclass(frozen=True)
class Motion:
    """rotations (T, 24, 3, 3) of each joint against its parent, the root's against the world;
    translation (T, 3) m of the body's origin, which for the open body is its pelvis joint."""

    name: str
    fps: float
    rotations: npt.NDArray[np.float32]
    translation: npt.NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return (len(self.rotations) - 1) / self.fps


def resample(motion: Motion, fps: float) -> Motion:
    """The same motion at another frame rate, by time: rotations along the shortest arc, translation linearly."""
    old = np.arange(len(motion.rotations)) / motion.fps
    # The nudge keeps the last frame where the clip's length is a whole number of new frames.
    new = np.arange(0, motion.seconds + 1e-9, 1 / fps)
    rotations = sample_rotations(old, motion.rotations, new).astype(np.float32)
    translation = sample_points(old, motion.translation, new).astype(np.float32)
    return replace(motion, fps=float(fps), rotations=rotations, translation=translation)


def sample_points(times_T: np.ndarray, points_TC: np.ndarray, new_S: np.ndarray) -> np.ndarray:
    """Linear interpolation (S, C) of columns (T, C)."""
    return np.stack([np.interp(new_S, times_T, column) for column in points_TC.T], axis=1)


def sample_rotations(times_T: np.ndarray, R_TJ33: np.ndarray, new_S: np.ndarray) -> np.ndarray:
    """Spherical interpolation (S, J, 3, 3) of rotations (T, J, 3, 3) given at rising times (T)."""
    if len(times_T) == 1:
        return np.repeat(R_TJ33, len(new_S), axis=0)
    before_S = np.clip(np.searchsorted(times_T, new_S, side="right") - 1, 0, len(times_T) - 2)
    share_S = (new_S - times_T[before_S]) / (times_T[before_S + 1] - times_T[before_S])
    share_S = np.clip(share_S, 0, 1)
    a_SJ33, b_SJ33 = R_TJ33[before_S], R_TJ33[before_S + 1]
    between_SJ33 = np.swapaxes(a_SJ33, -1, -2) @ b_SJ33
    arc_SJ3 = Rotation.from_matrix(between_SJ33.reshape(-1, 3, 3)).as_rotvec().reshape(*a_SJ33.shape[:2], 3)
    part_SJ33 = Rotation.from_rotvec((share_S[:, None, None] * arc_SJ3).reshape(-1, 3)).as_matrix()
    sampled_SJ33: np.ndarray = a_SJ33 @ part_SJ33.reshape(a_SJ33.shape)
    return sampled_SJ33
