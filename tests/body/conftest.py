"""Bodies that the tests of this room share."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from body.joints import SMPL_PARENTS

VERTICES = 300


def smpl_like_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A random body in SMPL's format with posedirs that are not zero, 300 vertices and 25 keypoints."""
    rng = np.random.default_rng(seed)

    def convex(rows: int, columns: int) -> np.ndarray:
        return rng.dirichlet(np.full(columns, 0.3), size=rows)

    return {
        "v_template": rng.normal(size=(VERTICES, 3)) * [0.3, 0.6, 0.2],
        "shapedirs": rng.normal(size=(VERTICES, 3, 10)) * 0.02,
        "posedirs": rng.normal(size=(VERTICES, 3, 207)) * 0.01,
        "J_regressor": convex(24, VERTICES),
        "weights": convex(VERTICES, 24),
        "kintree_table": np.array([[2**32 - 1, *SMPL_PARENTS[1:]], range(24)], dtype=np.int64),
        "f": rng.integers(0, VERTICES, size=(500, 3)).astype(np.uint32),
        "keypoint_regressor": convex(25, VERTICES),
    }


@pytest.fixture
def random_body(tmp_path: Path) -> Path:
    """An .npz file of such a body."""
    path = tmp_path / "random_body.npz"
    np.savez(path, **smpl_like_arrays())
    return path


@pytest.fixture(scope="session")
def debian_bvh() -> Path:
    """BVH takes of Debian's assimp-testmodels; CI must have them (scripts/install_test_programs)."""
    folder = Path("/usr/share/assimp/models/BVH")
    if not folder.is_dir():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"needs {folder}: apt-get install assimp-testmodels"
        )
    return folder


@pytest.fixture(autouse=True)
def same_random_numbers_every_time() -> None:
    """A tolerance that holds by luck is found out once, not now and then."""
    torch.manual_seed(0)
