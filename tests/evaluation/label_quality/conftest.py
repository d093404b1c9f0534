"""People of known joints, and tracks that say something of them."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.label_quality.people import Track, Truth

Person = np.ndarray


def _standing(at: float, frames: int) -> np.ndarray:
    """(F, 25, 3) a person of 30 x 40 px, a diagonal of 50, all joints visible and apart from each other."""
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 1, (25, 2)) * [30, 40]
    xy[0], xy[1] = (0, 0), (30, 40)
    joints = np.concatenate([xy + np.array([at, 100.0]), np.ones((25, 1))], axis=1)
    return np.tile(joints, (frames, 1, 1))


@pytest.fixture
def truth() -> Truth:
    """Two people far apart, ten frames, one shot."""
    return Truth(
        np.stack([_standing(50, 10), _standing(250, 10)]), np.ones((2, 10), bool), np.zeros(10, np.int64)
    )  # fmt: skip


@pytest.fixture
def track(truth: Truth) -> Callable[..., Track]:
    """Frames of one person as labels that are right, or are moved by `dx` px."""

    def made(person: int, first: int = 0, stop: int = 10, dx: float = 0.0, score: float = 0.9) -> Track:
        joints = truth.joints_PFJ3[person, first:stop].astype(np.float32)
        joints[..., 0] += dx
        joints[..., 2] = score
        return Track(0, person, np.arange(first, stop), joints, np.ones(stop - first, bool))

    return made
