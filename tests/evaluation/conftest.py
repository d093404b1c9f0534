"""Labels with a known answer, shared by the evaluator's tests."""

from collections.abc import Callable

import numpy as np
import pytest

from storage.tables import Labels3D

MakeLabels = Callable[..., Labels3D]


@pytest.fixture
def make_labels() -> MakeLabels:
    """Labels of a random walk of 25 points, all valid and visible, unless told otherwise."""

    def make(truth_id: str = "test_0000/0", frames: int = 30, seed: int = 0, split: str = "test") -> Labels3D:
        rng = np.random.default_rng(seed)
        pose = rng.normal(size=(1, 25, 3)) * [0.2, 0.5, 0.15]
        walk = np.cumsum(rng.normal(0, 0.01, (frames, 25, 3)), 0)
        points = (pose + walk + [0, 0, 3]).astype(np.float32)
        pixels = np.concatenate([points[..., :2] * 200 + 300, np.ones((frames, 25, 1))], -1).astype(np.float32)
        return Labels3D(truth_id, split, "open24", np.ones(frames, bool), points, pixels, None, None, None)

    return make
