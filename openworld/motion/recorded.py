"""Real mocap as performances: real motion, synthetic pixels; for testing, it stays out of training (docs/design.md)."""

import importlib.util
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from body.motion import Motion, MotionFileError, resample
from body.motion.files import READERS, read_motion
from openworld.motion.performance import Performance

DEBIAN_TAKES = Path("/usr/share/assimp/models/BVH")
"""Where Debian's assimp-testmodels puts three BVH takes."""


def installed_motions() -> list[Path]:
    """Mocap that packages have put on this machine: pybullet's DeepMimic clips and assimp's BVH takes."""
    motions: list[Path] = []
    package = importlib.util.find_spec("pybullet_data")
    for folder in package.submodule_search_locations or [] if package else []:
        motions += sorted(Path(folder, "data", "motions").glob("humanoid3d_*.txt"))
    return motions + sorted(DEBIAN_TAKES.glob("*.bvh"))


def motion_files(places: Iterable[Path]) -> list[Path]:
    """Every motion file of the given files and folders: BVH, AMC (with its one .asf), DeepMimic text, AMASS .npz."""
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += sorted(path for path in place.rglob("*") if path.suffix.lower() in READERS)
        elif place.is_file():
            files.append(place)
        else:
            raise MotionFileError(f"{place}: there is no such motion file or folder")
    return files


@lru_cache(maxsize=2)
def motion_at(path: str, fps: int) -> Motion:
    """A motion file at the films' frame rate, read once for all its films."""
    return resample(read_motion(Path(path)), fps)


def windows(path: Path, fps: int, frames: tuple[int, int]) -> Sequence[tuple[int, int]]:
    """First frame and length of the pieces that a take is cut into: as many as needed, equal, of `frames` at most.

    A take shorter than the least number of frames gives none.
    """
    total = len(motion_at(str(path), fps).rotations)
    if total < frames[0]:
        return []
    pieces = -(-total // frames[1])
    length = total // pieces
    return [(number * length, length) for number in range(pieces)]


def recorded(path: str, fps: int, first: int, length: int) -> Performance:
    """Cut a piece out of a take and centre its path. The recording itself says whether the person touches the floor."""
    motion = motion_at(path, fps)
    piece = slice(first, first + length)
    place = motion.translation[piece].astype(np.float64)
    flat = place * (1, 0, 1)
    return Performance(
        name=f"mocap:{Path(path).stem}",
        rotations=motion.rotations[piece].astype(np.float64),
        path=flat - (flat.min(0) + flat.max(0)) / 2,
        lift=place[:, 1],
        grounded=False,
    )
