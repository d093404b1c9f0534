"""Real mocap as performances: real motion, synthetic pixels; for testing, it stays out of training (design.md)."""

import importlib.util
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from body.motion import Motion, MotionFileError, resample
from body.motion_amass import read_amass
from body.motion_amc import read_amc
from body.motion_bvh import read_bvh
from body.motion_deepmimic import read_deepmimic
from openworld.motion import Performance

DEBIAN_TAKES = Path("/usr/share/assimp/models/BVH")
"""Where Debian's assimp-testmodels puts three BVH takes."""

SUFFIXES = (".bvh", ".txt", ".npz", ".amc")


def installed_motions() -> list[Path]:
    """Mocap that packages have put on this machine: pybullet's DeepMimic clips and assimp's BVH takes."""
    found: list[Path] = []
    package = importlib.util.find_spec("pybullet_data")
    for folder in package.submodule_search_locations or [] if package else []:
        found += sorted(Path(folder, "data", "motions").glob("humanoid3d_*.txt"))
    return found + sorted(DEBIAN_TAKES.glob("*.bvh"))


def motion_files(places: Iterable[Path]) -> list[Path]:
    """Every motion file of the given files and folders: BVH, AMC (with its one .asf), DeepMimic text, AMASS .npz."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
        elif place.is_file():
            found.append(place)
        else:
            raise MotionFileError(f"{place}: there is no such motion file or folder")
    return found


def read_motion(path: Path) -> Motion:
    """A motion file by its suffix. MotionFileError names a file that cannot be read."""
    suffix = path.suffix.lower()
    if suffix == ".bvh":
        return read_bvh(path)
    if suffix == ".txt":
        return read_deepmimic(path)
    if suffix == ".npz":
        return read_amass(path)
    if suffix == ".amc":
        return read_amc(path, _skeleton_of(path))
    raise MotionFileError(f"{path}: motions are {', '.join(SUFFIXES)}")


def _skeleton_of(path: Path) -> Path:
    skeletons = sorted(path.parent.glob("*.asf"))
    if len(skeletons) != 1:
        raise MotionFileError(f"{path}: needs its skeleton, one .asf, in the same folder ({len(skeletons)} there)")
    return skeletons[0]


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
    """A piece of a take about the middle of its path; whether it touches the floor is the recording's own affair."""
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
