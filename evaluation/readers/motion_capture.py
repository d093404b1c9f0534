"""Motion capture without pictures (AMASS, BVH, AMC, DeepMimic) as sequences, through the readers of `body`.

Legend: T frames; z-up files come back y-up in metres, resampled by time where a rate is asked for.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.motion import MotionFileError, resample
from body.motion import files as motion_files
from evaluation.errors import BadDatasetError
from evaluation.readers.files import opens
from evaluation.sequence import BenchmarkSequence, BodyMotion, rate_of


@opens("path")
def read_motion(dataset: str, path: Path, fps: float | None = None) -> BenchmarkSequence:
    """One take; at `fps` where given, else at its own rate. BadDatasetError names a file that cannot be read."""
    try:
        motion = motion_files.read_motion(path)
    except MotionFileError as error:
        raise BadDatasetError(path, str(error).removeprefix(f"{path}: ")) from error
    if fps is not None:
        motion = resample(motion, fps)
    length = len(motion.rotations)
    turns = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(length, 24, 3)
    return BenchmarkSequence(
        dataset=dataset,
        split="",
        name=motion.name,
        fps=rate_of(path, motion.fps),
        frame_ids=np.arange(length),
        valid=np.isfinite(turns).all((1, 2)),
        body=BodyMotion("smpl_neutral", turns, np.zeros(10), motion.translation.astype(np.float64)),
    )
