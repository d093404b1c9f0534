"""pybullet's fifteen clips show people; the numbers end up in the joints that they name."""

import json
from pathlib import Path

import numpy as np
import pybullet_data
import pytest
import torch

from body.joints import SMPL_24
from body.model import BodyModel
from body.motion import Motion, MotionFileError
from body.motion.deepmimic import read_deepmimic

CLIPS = sorted((Path(pybullet_data.getDataPath()) / "data" / "motions").glob("humanoid3d_*.txt"))
UPRIGHT = {"walk", "run", "jump", "dance_a", "dance_b", "punch"}


def joints(motion: Motion) -> dict[str, np.ndarray]:
    R = torch.as_tensor(motion.rotations)
    posed = BodyModel.load().joints(R, torch.zeros(len(R), 10)).numpy() + motion.translation[:, None]
    return {name: posed[:, j] for j, name in enumerate(SMPL_24)}


def still_frame() -> list[float]:
    """Standing at rest: unit quaternions, hinges at zero."""
    ball, hinge = [1.0, 0, 0, 0], [0.0]
    leg, arm = [*ball, *hinge, *ball], [*ball, *hinge]
    return [0.1, 0, 0.85, 0, *ball, *ball, *ball, *leg, *arm, *leg, *arm]


def clip(tmp_path: Path, **changes: list[float]) -> dict[str, np.ndarray]:
    """Joints of a clip whose still frame has other numbers at the named places."""
    place = {"root": 4, "chest": 8, "right_knee": 20, "left_knee": 34, "right_elbow": 29, "left_shoulder": 39,
             "left_elbow": 43, "position": 1}  # fmt: skip
    frame = still_frame()
    for name, values in changes.items():
        frame[place[name] : place[name] + len(values)] = values
    path = tmp_path / "clip.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": [frame, frame]}))
    return {name: x[0] for name, x in joints(read_deepmimic(path)).items()}


def test_there_are_fifteen_clips() -> None:
    assert len(CLIPS) == 15


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_every_clip_shows_a_person_on_the_floor(path: Path) -> None:
    motion = read_deepmimic(path)
    x = joints(motion)
    lowest = np.stack(list(x.values()))[..., 1].min()
    assert -0.2 < lowest < 0.1
    side = np.einsum("tij,tj->ti", np.swapaxes(motion.rotations[:, 0], -1, -2), x["left_hip"] - x["right_hip"])
    assert (side[:, 0] > 0.15).all()
    highest_ankle = np.maximum(x["left_ankle"][:, 1], x["right_ankle"][:, 1])
    assert np.mean(x["head"][:, 1] > highest_ankle) > (0.99 if path.stem[11:] in UPRIGHT else 0.6)


def test_walking_and_running_go_forwards() -> None:
    for name, speed in (("walk", (0.7, 1.8)), ("run", (2.0, 5.0))):
        motion = read_deepmimic(next(p for p in CLIPS if p.stem.endswith(name)))
        velocity = np.diff(motion.translation, axis=0) * motion.fps
        forwards = (velocity * motion.rotations[:-1, 0, :, 2]).sum(1).mean()
        assert speed[0] < forwards < speed[1]


def test_at_rest_the_arms_hang_and_the_hips_are_at_the_root(tmp_path: Path) -> None:
    x = clip(tmp_path)
    assert x["left_elbow"][1] < x["left_shoulder"][1] - 0.2
    assert x["right_wrist"][1] < x["right_elbow"][1] - 0.15
    assert abs((x["left_hip"] + x["right_hip"])[1] / 2 - 0.85) < 0.02


def test_hinges_bend_the_way_that_people_do(tmp_path: Path) -> None:
    x = clip(tmp_path, right_knee=[-1.0], left_elbow=[1.2])
    assert x["right_ankle"][2] < x["right_knee"][2] - 0.2
    assert abs(x["left_ankle"][2] - x["left_knee"][2]) < 0.05
    assert x["left_wrist"][2] > x["left_elbow"][2] + 0.1
    assert x["right_wrist"][2] < x["right_elbow"][2] + 0.05


def test_root_turn_about_their_forward_axis_leans_to_the_right(tmp_path: Path) -> None:
    # A positive turn about x (forward) takes y (up) towards z, which is the person's right: our -x.
    x = clip(tmp_path, root=[np.cos(0.2), np.sin(0.2), 0, 0])
    assert x["head"][0] < x["pelvis"][0] - 0.1
    x = clip(tmp_path, position=[1.0, 0.85, 2.0])
    assert x["pelvis"][2] > 0.9
    assert x["pelvis"][0] < -1.9


@pytest.mark.parametrize(
    "text", ["{}", "no json", '{"Frames": [[1, 2]]}', '{"Frames": 3}', json.dumps({"Frames": [[0.0] * 44] * 3})]
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clip.txt"
    path.write_text(text)
    with pytest.raises(MotionFileError, match=r"clip\.txt: "):
        read_deepmimic(path)
