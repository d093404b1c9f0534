"""The keypoints themselves as a feature."""

import numpy as np

from harvest.phi.keypoints import KeypointsPhi
from harvest.phi.protocol import Phi


def test_crop_coordinates_and_missing_joints() -> None:
    phi: Phi = KeypointsPhi()
    keypoints = np.zeros((1, 25, 3), np.float32)
    keypoints[0, 0] = [10, 20, 0.5]
    keypoints[0, 1] = [110, 70, 1.0]
    features, world = phi.features([np.zeros((1, 1, 3), np.uint8)], np.array([[10, 20, 110, 120]]), keypoints)
    assert features.shape == (1, phi.dim)
    np.testing.assert_allclose(features[0, :6], [-1, -1, 0.5, 1, 0, 1.0])
    assert not features[0, 6:].any()
    assert world is None


def test_moving_and_scaling_the_frame_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(1, 90, (4, 25, 3)).astype(np.float32)
    boxes = np.array([[5, 7, 95, 97]] * 4, np.float32)
    plain, _ = KeypointsPhi().features([], boxes, keypoints)
    moved = keypoints * [3, 3, 1] + [40, -9, 0]
    again, _ = KeypointsPhi().features([], boxes * 3 + np.array([40, -9, 40, -9]), moved)
    np.testing.assert_allclose(plain, again, atol=1e-4)
