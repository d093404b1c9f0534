"""ASF/AMC by a hand-made skeleton with turned axes, and broken pairs. The real take is in test_bvh.py."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body.motion import MotionFileError
from body.motion.amc import read_amc, read_amc_skeleton

ASF = """# a comment
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -2 0
     length 3
     axis 10 20 30 XYZ
    dof rx rz
    limits (-160.0 20.0)
           (-70.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0 0 1
     length 4
     axis 0 0 0 XYZ
    dof rx
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
FRAMES = ("root 1 2 3 10 -20 30\nthigh 40 -50\nshin 60", "root 0 0 0 0 0 0\nthigh 0 0\nshin 0")
AMC = f":FULLY-SPECIFIED\n:DEGREES\n1\n{FRAMES[0]}\n2\n{FRAMES[1]}\n"


def pair(tmp_path: Path, asf: str = ASF, amc: str = AMC) -> tuple[Path, Path]:
    skeleton, motion = tmp_path / "who.asf", tmp_path / "what.amc"
    skeleton.write_text(asf)
    motion.write_text(amc)
    return motion, skeleton


def test_positions_of_two_bones_by_hand(tmp_path: Path) -> None:
    source = read_amc_skeleton(*pair(tmp_path))
    assert source.names == ("root", "thigh", "shin", "shin_end")
    root = Rotation.from_euler("xyz", [10, -20, 30], degrees=True)
    axis = Rotation.from_euler("xyz", [10, 20, 30], degrees=True)
    thigh = root * axis * Rotation.from_euler("xz", [40, -50], degrees=True) * axis.inv()
    shin = thigh * Rotation.from_euler("x", 60, degrees=True)
    x = source.pose()[1][0]
    knee = np.array([1, 2, 3]) + thigh.apply([0, -3, 0])
    np.testing.assert_allclose(x, [[1, 2, 3], [1, 2, 3], knee, knee + shin.apply([0, 0, 4])], atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "culprit"),
    [
        ("shin 60\n", "", r"what\.amc: not a motion of who\.asf"),
        ("thigh 40 -50", "thigh 40", r"what\.amc: .*thigh needs 2"),
        ("root 1 2 3", "root nan 2 3", r"what\.amc: "),
        ("thigh 40", "thigh nan", r"what\.amc: .*finite"),
        ("thigh shin", "thigh shin foot", r"who\.asf: .*foot"),
        ("direction 0 -2 0", "", r"who\.asf: "),
        ("root thigh", "shin thigh", r"who\.asf: .*does not reach"),
        (":bonedata", ":bones", r"who\.asf: .*bonedata"),
        (AMC, "", r"what\.amc: .*no frames"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, culprit: str) -> None:
    motion, skeleton = pair(tmp_path, ASF.replace(old, new), AMC.replace(old, new))
    with pytest.raises(MotionFileError, match=culprit):
        read_amc_skeleton(motion, skeleton)


def test_a_skeleton_that_is_no_person_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MotionFileError, match=r"what\.amc: no known skeleton"):
        read_amc(*pair(tmp_path))
