"""Any motion file by its name: BVH, DeepMimic's text, AMASS's .npz, and AMC with the .asf that lies beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from body.motion import Motion, MotionFileError
from body.motion.amass import read_amass
from body.motion.amc import read_amc
from body.motion.bvh import read_bvh
from body.motion.deepmimic import read_deepmimic


def read_motion(path: str | Path) -> Motion:
    """The file's motion on the open body. MotionFileError names a file that cannot be read, or of another kind."""
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MotionFileError(f"{path}: motions are {', '.join(READERS)}")
    if not path.is_file():
        raise MotionFileError(f"{path}: there is no such motion file")
    return reader(path)


def skeleton_of(path: Path) -> Path:
    """The .asf of an .amc: the only one of its folder, or the one of the same subject (01.asf for 01_05.amc)."""
    skeletons = sorted(path.parent.glob("*.asf"))
    if len(skeletons) > 1:
        skeletons = [asf for asf in skeletons if path.stem.startswith(asf.stem)]
    if len(skeletons) != 1:
        raise MotionFileError(f"{path}: needs its skeleton beside it, the only .asf or one that its name begins with")
    return skeletons[0]


def _read_amc(path: Path) -> Motion:
    return read_amc(path, skeleton_of(path))


READERS: Mapping[str, Callable[[Path], Motion]] = {
    ".bvh": read_bvh,
    ".txt": read_deepmimic,
    ".npz": read_amass,
    ".amc": _read_amc,
}
"""Reader by suffix, lower case."""
