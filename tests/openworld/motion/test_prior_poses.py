from pathlib import Path

import numpy as np
import pytest

from openworld.motion import prior_poses as prior
from openworld.motion.prior_poses import FRAMES, prior_poses, write_prior_poses


def test_prior_poses_are_rotations_and_repeatable() -> None:
    poses = prior_poses(2, seed=1)
    assert poses.shape == (2 * FRAMES, 24, 3, 3)
    assert np.allclose(poses @ poses.swapaxes(-1, -2), np.eye(3), atol=1e-5)
    assert np.array_equal(poses, prior_poses(2, seed=1))
    assert not np.array_equal(poses, prior_poses(2, seed=2))


def test_the_file_holds_the_poses_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = prior_poses(1)
    monkeypatch.setattr(prior, "prior_poses", lambda: few)
    write_prior_poses(tmp_path / "prior.npz")
    with np.load(tmp_path / "prior.npz") as stored:
        assert np.array_equal(stored["rotations"], few)
    assert [path.name for path in tmp_path.iterdir()] == ["prior.npz"]
