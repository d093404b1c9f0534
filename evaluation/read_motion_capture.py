"""Motion capture without pictures (AMASS, BVH, AMC, DeepMimic) as sequences, through the readers of `body`.

Legend: T frames; z-up files come back y-up in metres, resampled by time where a rate is asked for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.motion import Motion, MotionFileError, resample
from body.motion_amass import read_amass
from body.motion_amc import read_amc
from body.motion_bvh import read_bvh
from body.motion_deepmimic import read_deepmimic
from evaluation.errors import BadDatasetError
from evaluation.sequence import BenchmarkSequence, BodyMotion


def _amc(path: str | Path) -> Motion:
    """An .amc needs its skeleton: the .asf beside it, of the same subject (01_01.amc and 01.asf)."""
    path = Path(path)
    skeletons = sorted(path.parent.glob("*.asf"), key=lambda asf: -len(_common(path.stem, asf.stem)))
    if not skeletons:
        raise BadDatasetError(path, "has no .asf beside it")
    return read_amc(path, skeletons[0])


def _common(first: str, second: str) -> str:
    return "".join(a for a, b in zip(first, second, strict=False) if a == b)


READERS: Mapping[str, Callable[[str | Path], Motion]] = {
    ".npz": read_amass,
    ".bvh": read_bvh,
    ".amc": _amc,
    ".txt": read_deepmimic,
}


def read_motion(dataset: str, path: Path, fps: float | None = None) -> BenchmarkSequence:
    """One take; at `fps` where given, else at its own rate. BadDatasetError names a file that cannot be read."""
    try:
        motion = READERS[path.suffix.lower()](path)
    except MotionFileError as error:
        raise BadDatasetError(path, str(error)) from error
    except (OSError, KeyError) as error:
        raise BadDatasetError(path, f"cannot be read as motion ({error})") from error
    if fps is not None:
        motion = resample(motion, fps)
    length = len(motion.rotations)
    turns = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(length, 24, 3)
    return BenchmarkSequence(
        dataset=dataset,
        split="",
        name=motion.name,
        fps=motion.fps,
        frame_ids=np.arange(length),
        valid=np.isfinite(turns).all((1, 2)),
        body=BodyMotion("smpl_neutral", turns, np.zeros(10), motion.translation.astype(np.float64)),
    )
