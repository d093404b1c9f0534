"""Per-vertex errors: zero for the same body, a turn is seen and aligned away, a label without a body has none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body.model import BodyModel
from body.open24 import OPEN24_FILE
from evaluation.metrics.mesh_errors import mesh_errors


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load(OPEN24_FILE)


def test_same_turned_and_missing(body: BodyModel, make_labels) -> None:
    turns = Rotation.from_rotvec(np.random.default_rng(0).normal(0, 0.2, (3 * 24, 3))).as_matrix()
    rotations, betas = turns.reshape(3, 24, 3, 3).astype(np.float32), np.full(10, 0.5, np.float32)
    label = replace(make_labels(frames=3), rotations=rotations, betas=betas, valid=np.array([True, False, True]))
    same = mesh_errors(rotations, np.tile(betas, (3, 1)), label, body, body)
    assert {name: value.shape for name, value in same.items()} == {"pve_mm": (2,), "pa_pve_mm": (2,)}
    assert max(value.max() for value in same.values()) < 1e-2
    turned = rotations.copy()
    turned[:, 0] = Rotation.from_euler("y", 90, degrees=True).as_matrix() @ turned[:, 0]
    seen = mesh_errors(turned, np.tile(betas, (3, 1)), label, body, body)
    assert seen["pve_mm"].min() > 100
    assert seen["pa_pve_mm"].max() < 1e-2
    assert mesh_errors(rotations, np.tile(betas, (3, 1)), make_labels(frames=3), body, body) == {}
