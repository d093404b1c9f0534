"""BVH against a written-out forward kinematics, against the same take as AMC, and against broken files."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24
from body.model import BodyModel
from body.motion import Motion, MotionFileError
from body.motion.amc import read_amc_skeleton
from body.motion.bvh import read_bvh, read_bvh_skeleton
from body.motion.retarget import retarget
from body.motion.skeleton import SkeletonMotion

TWO_BONES = """HIERARCHY
ROOT Hips
{
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation
  JOINT Arm
  {
    OFFSET 0 5 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 2 0 1
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
10 20 30 90 0 0 0 0 0
0 0 0 40 -20 70 15 25 -35
"""


def joints(motion: Motion) -> dict[str, np.ndarray]:
    """Positions (T, 3) m by name on the mean open body."""
    R = torch.as_tensor(motion.rotations)
    posed = BodyModel.load().joints(R, torch.zeros(len(R), 10)).numpy() + motion.translation[:, None]
    return {name: posed[:, j] for j, name in enumerate(SMPL_24)}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "take.bvh"
    path.write_text(text)
    return path


def test_positions_of_a_small_tree_by_hand(tmp_path: Path) -> None:
    source = read_bvh_skeleton(write(tmp_path, TWO_BONES))
    assert source.names == ("Hips", "Arm", "Arm_end")
    assert source.fps == 25
    _, x = source.pose()
    np.testing.assert_allclose(x[0], [[10, 20, 30], [10, 25, 30], [11, 25, 28]], atol=1e-12)
    root = Rotation.from_euler("YXZ", [40, -20, 70], degrees=True)
    arm = root * Rotation.from_euler("ZXY", [15, 25, -35], degrees=True)
    np.testing.assert_allclose(x[1, 1], root.apply([0, 5, 0]), atol=1e-12)
    np.testing.assert_allclose(x[1, 2], root.apply([0, 5, 0]) + arm.apply([2, 0, 1]), atol=1e-12)


@pytest.fixture(scope="module")
def take(shared_data: Path) -> tuple[SkeletonMotion, SkeletonMotion]:
    """One take of CMU as BVH and as AMC."""
    folder = shared_data / "mocap"
    bvh = read_bvh_skeleton(folder / "cmu_01_01.bvh")
    return bvh, read_amc_skeleton(folder / "cmu_01_01.amc", folder / "cmu_01.asf")


def test_the_same_take_as_bvh_and_amc_has_the_same_joints(take: tuple[SkeletonMotion, SkeletonMotion]) -> None:
    bvh, amc = take
    assert len(bvh.rotations) == len(amc.rotations) == 2751
    a, b = bvh.pose()[1], amc.pose()[1]
    # The BVH was written without the thorax bone, so what hangs on it is compared from the neck on.
    below = {"LeftLeg": "ltibia", "RightFoot": "rfoot", "LeftToeBase_end": "ltoes_end", "Spine1": "thorax"}
    above = {"Head": "head", "LeftForeArm": "lradius", "RightHand": "rwrist", "Head_end": "head_end"}
    for (start, other_start), pairs in ((("Hips", "root"), below), (("Neck", "lowerneck"), above)):
        for name, other in pairs.items():
            left = a[:, bvh.names.index(name)] - a[:, bvh.names.index(start)]
            right = b[:, amc.names.index(other)] - b[:, amc.names.index(other_start)]
            # 1e-3 of the file's unit is 0.06 mm; the BVH has four decimals.
            np.testing.assert_allclose(left, right, atol=1e-3)


def test_the_same_take_as_bvh_and_amc_is_the_same_motion_of_ours(take: tuple[SkeletonMotion, SkeletonMotion]) -> None:
    left, right = (joints(retarget(source)) for source in take)
    for name in SMPL_24:
        np.testing.assert_allclose(left[name], right[name], atol=1e-4)


def assert_a_person_stands(motion: Motion) -> None:
    x = joints(motion)
    to_body = np.swapaxes(motion.rotations[:, 0], -1, -2)

    def seen(point: np.ndarray) -> np.ndarray:
        return np.einsum("tij,tj->ti", to_body, point - x["pelvis"])

    assert np.mean(x["head"][:, 1] > np.maximum(x["left_ankle"][:, 1], x["right_ankle"][:, 1])) > 0.6
    assert np.all(seen(x["left_hip"])[:, 0] > seen(x["right_hip"])[:, 0])
    assert np.mean(seen(x["left_knee"])[:, 0] > seen(x["right_knee"])[:, 0]) > 0.6
    for side in ("left", "right"):
        assert np.mean(seen(x[f"{side}_foot"])[:, 2] - seen(x[f"{side}_ankle"])[:, 2]) > 0.04
        middle = 0.5 * (seen(x[f"{side}_hip"]) + seen(x[f"{side}_ankle"]))
        assert np.mean(seen(x[f"{side}_knee"])[:, 2] - middle[:, 2]) > 0.03


@pytest.mark.parametrize("name", ["01_01", "01_03", "Boxing_Toes"])
def test_debians_clips_show_a_person(name: str, debian_bvh: Path) -> None:
    motion = read_bvh(debian_bvh / f"{name}.bvh")
    assert_a_person_stands(motion)
    assert motion.fps == (100 if name == "Boxing_Toes" else 120)
    assert 0.7 < np.median(joints(motion)["pelvis"][:, 1]) < 1.2


def test_limbs_point_where_the_file_points_them(take: tuple[SkeletonMotion, SkeletonMotion]) -> None:
    source, ours = take[0], joints(retarget(take[0]))
    x = dict(zip(source.names, source.pose()[1].swapaxes(0, 1), strict=True))
    for mine, theirs in {
        ("left_hip", "left_knee"): ("LeftUpLeg", "LeftLeg"),
        ("right_knee", "right_ankle"): ("RightLeg", "RightFoot"),
        ("left_shoulder", "left_elbow"): ("LeftArm", "LeftForeArm"),
        ("right_elbow", "right_wrist"): ("RightForeArm", "RightHand"),
    }.items():
        a, b = ours[mine[1]] - ours[mine[0]], x[theirs[1]] - x[theirs[0]]
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert cosine.min() > 1 - 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Frames: 2", "Frames: 3", "promises 3 frames and has 2"),
        ("Frame Time: 0.04", "Frame Time: 0", "frame time"),
        ("10 20 30", "nan 20 30", "NaN"),
        ("10 20 30", "20 30", "9 channels"),
        ("HIERARCHY", "", "lacks"),
        ("Hips", "Tail", "no known skeleton.*lacks"),
        (TWO_BONES, "hello", "no HIERARCHY"),
        (TWO_BONES[60:], "", "not a readable BVH"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, TWO_BONES.replace(old, new))
    with pytest.raises(MotionFileError, match=rf"take\.bvh: .*{message}"):
        read_bvh(path)


def test_a_brace_may_stand_on_the_line_of_its_joint(tmp_path: Path) -> None:
    """As K&R-minded exporters write it; braces may even share a line."""
    plain = read_bvh_skeleton(write(tmp_path, TWO_BONES))
    for text in (
        re.sub(r"\n\s*\{", " {", TWO_BONES),
        re.sub(r"\n\s*\{\n\s*", " { ", TWO_BONES),
        re.sub(r"\}\s*\}\s*\}", "}}}", re.sub(r"\n\s*\{", "{", TWO_BONES)),
    ):
        assert text != TWO_BONES
        source = read_bvh_skeleton(write(tmp_path, text))
        assert (source.names, source.parents) == (plain.names, plain.parents)
        np.testing.assert_array_equal(source.offsets, plain.offsets)
        np.testing.assert_array_equal(source.steps, plain.steps)
