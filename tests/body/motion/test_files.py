from pathlib import Path

import numpy as np
import pybullet_data
import pytest

from body.motion import MotionFileError
from body.motion.amc import read_amc
from body.motion.deepmimic import read_deepmimic
from body.motion.files import read_motion, skeleton_of


def test_the_suffix_chooses_the_reader(shared_data: Path, tmp_path: Path) -> None:
    two_frames = (shared_data / "mocap" / "cmu_01_01.amc").read_text().splitlines()[:64]
    amc, asf = tmp_path / "cmu_01_01.amc", tmp_path / "cmu_01.asf"
    amc.write_text("\n".join(two_frames))
    asf.write_bytes((shared_data / "mocap" / asf.name).read_bytes())
    walk = Path(pybullet_data.getDataPath()) / "data" / "motions" / "humanoid3d_walk.txt"
    np.testing.assert_array_equal(read_motion(walk).rotations, read_deepmimic(walk).rotations)
    assert len(read_motion(amc).rotations) == 2
    np.testing.assert_array_equal(read_motion(amc).rotations, read_amc(amc, asf).rotations)


def test_the_skeleton_of_the_same_subject_is_taken(tmp_path: Path) -> None:
    for name in ("01.asf", "02.asf"):
        (tmp_path / name).touch()
    assert skeleton_of(tmp_path / "02_07.amc").name == "02.asf"
    with pytest.raises(MotionFileError, match=r"dance\.amc: needs its skeleton"):
        skeleton_of(tmp_path / "dance.amc")


@pytest.mark.parametrize(("name", "why"), [("a.fbx", "motions are"), ("a.bvh", "no such"), ("alone.amc", "asf")])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, why: str) -> None:
    if name == "alone.amc":
        (tmp_path / name).touch()
    with pytest.raises(MotionFileError, match=rf"{name}: .*{why}"):
        read_motion(tmp_path / name)
