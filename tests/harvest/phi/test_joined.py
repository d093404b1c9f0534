import numpy as np
import pytest

from harvest.phi.blazepose import TurnedBlazePosePhi
from harvest.phi.joined import harvested_parts, joined_features
from harvest.phi.keypoints import KeypointsPhi


def test_what_must_be_harvested() -> None:
    assert harvested_parts("keypoints") == ("keypoints",)
    assert harvested_parts("blazepose_penultimate+zero_shot+keypoints") == ("blazepose_penultimate", "keypoints")
    assert harvested_parts("zero_shot+keypoints") == ("keypoints", "blazepose_penultimate")
    assert harvested_parts("blazepose_turned+turn") == ("blazepose_turned",)
    assert harvested_parts("blazepose_turned+zero_shot+turn") == ("blazepose_turned",), "it has a 3D of its own"
    assert harvested_parts("turn") == ("blazepose_turned",)


def test_the_turn_stands_beside_the_phi_of_the_turned_crop() -> None:
    frames, boxes = [np.zeros((64, 64, 3), np.uint8)], np.array([[0, 0, 64, 64]], np.float32)
    keypoints = np.random.default_rng(0).uniform(1, 60, (1, 25, 3)).astype(np.float32)
    phi = TurnedBlazePosePhi()
    joined = joined_features("blazepose_turned+turn", frames, boxes, keypoints)
    assert joined.shape == (1, 1153)
    assert joined[0, -1] == phi.turns(keypoints)[0] != 0
    np.testing.assert_array_equal(joined[:, :-1], phi.features(frames, boxes, keypoints)[0])


def test_parts_stand_in_the_order_of_the_name() -> None:
    rng = np.random.default_rng(0)
    frames = [np.zeros((8, 8, 3), np.uint8)] * 2
    boxes = np.array([[0, 0, 8, 8], [1, 1, 5, 5]], np.float32)
    keypoints = rng.uniform(0, 1, (2, 25, 3)).astype(np.float32)
    once, _ = KeypointsPhi().features(frames, boxes, keypoints)
    np.testing.assert_array_equal(joined_features("keypoints", frames, boxes, keypoints), once)
    np.testing.assert_array_equal(
        joined_features("keypoints+keypoints", frames, boxes, keypoints), np.concatenate([once, once], axis=1)
    )
    with pytest.raises(ValueError, match="nonsense"):
        joined_features("keypoints+nonsense", frames, boxes, keypoints)
