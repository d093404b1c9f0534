from pathlib import Path

import numpy as np

from openworld.prior import prior_poses, write_prior_poses


def test_prior_poses_are_rotations_and_repeatable(tmp_path: Path) -> None:
    poses = prior_poses(120, seed=1)
    assert poses.shape == (120, 24, 3, 3)
    assert np.allclose(poses @ poses.swapaxes(-1, -2), np.eye(3), atol=1e-5)
    with np.load(write_prior_poses(tmp_path / "prior.npz", 120, seed=1)) as stored:
        assert np.array_equal(stored["rotations"], poses)
    assert not np.array_equal(poses, prior_poses(120, seed=2))
