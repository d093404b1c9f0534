"""Both of AMASS's layouts, written here with their keys; z up becomes y up."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body.motion import MotionFileError
from body.motion.amass import read_amass

SMPL_H = {"poses": 156, "mocap_framerate": 120.0}
SMPL_X = {"poses": 165, "mocap_frame_rate": 60.0}


def write(path: Path, layout: dict[str, float], **changes: object) -> Path:
    """A sequence of seven frames with random body poses; the keys are those of the named release."""
    rng = np.random.default_rng(0)
    entries: dict[str, object] = {
        "trans": rng.normal(size=(7, 3)),
        "gender": np.array("neutral"),
        "betas": rng.normal(size=16),
        "poses": rng.normal(size=(7, int(layout["poses"]))),
        **{key: np.array(value) for key, value in layout.items() if key != "poses"},
    } | changes
    np.savez(path, **{key: value for key, value in entries.items() if value is not None})
    return path


@pytest.mark.parametrize(("layout", "fps"), [(SMPL_H, 120), (SMPL_X, 60)])
def test_body_rotations_are_kept_and_hands_rest(tmp_path: Path, layout: dict[str, float], fps: float) -> None:
    path = write(tmp_path / "walk_poses.npz", layout)
    motion, poses = read_amass(path), np.load(path)["poses"]
    assert (motion.name, motion.fps, motion.rotations.shape) == ("walk_poses", fps, (7, 24, 3, 3))
    for j in range(1, 22):
        expected = Rotation.from_rotvec(poses[:, 3 * j : 3 * j + 3]).as_matrix()
        np.testing.assert_allclose(motion.rotations[:, j], expected, atol=1e-6)
    np.testing.assert_array_equal(motion.rotations[:, 22:], np.broadcast_to(np.eye(3), (7, 2, 3, 3)))


def test_up_is_y(tmp_path: Path) -> None:
    standing = np.zeros((7, 156))
    # In AMASS a standing person's root turns SMPL's y (up) to z.
    standing[:, :3] = [np.pi / 2, 0, 0]
    way = np.array([[0.1 * t, 0.2 * t, 1.0] for t in range(7)])
    motion = read_amass(write(tmp_path / "stand.npz", SMPL_H, poses=standing, trans=way))
    np.testing.assert_allclose(motion.rotations[:, 0], np.broadcast_to(np.eye(3), (7, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(motion.translation, [[0.1 * t, 1.0, -0.2 * t] for t in range(7)], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": None}, "lacks poses"),
        ({"mocap_framerate": None}, "lacks mocap_frame_rate"),
        ({"poses": np.zeros((7, 30))}, "do not fit"),
        ({"trans": np.zeros((6, 3))}, "do not fit"),
        ({"trans": np.full((7, 3), np.nan)}, "NaN"),
        ({"mocap_framerate": np.array(0.0)}, "frame rate"),
        ({"poses": np.array([{}], dtype=object)}, "not a readable"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(MotionFileError, match=rf"odd\.npz: .*{message}"):
        read_amass(write(tmp_path / "odd.npz", SMPL_H, **changes))
