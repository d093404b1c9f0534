"""BlazePose's penultimate activations: the network's own heads are linear in them."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from body.joints import BLAZEPOSE_33, KEYPOINTS_25
from harvest.phi.blazepose import BlazePosePhi, TurnedBlazePosePhi
from harvest.phi.protocol import Phi, TurnedPhi
from harvest.weights import files as weights

pytestmark = pytest.mark.usefixtures("embedded_weights")
RNG = np.random.default_rng(3)


def test_world_landmarks_are_linear_in_phi() -> None:
    """Apply the world head's own kernel to phi by hand: it must give the 3D that came with it."""
    phi: Phi = BlazePosePhi()
    frames = [RNG.integers(0, 255, (90, 120, 3), dtype=np.uint8) for _ in range(3)]
    boxes = np.array([[10, 10, 80, 80], [-20, 0, 90, 110], [50, 20, 110, 80]], np.float32)
    features, world = phi.features(frames, boxes, np.zeros((3, 25, 3)))
    assert features.shape == (3, phi.dim)
    assert features.dtype == np.float32
    graph = onnx.load(weights.path(weights.BLAZEPOSE)).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    head = next(n for n in graph.node if n.op_type == "Conv" and constants[n.input[1]].shape == (117, 288, 2, 2))
    kernel, bias = constants[head.input[1]], constants[head.input[2]]
    by_hand = np.einsum("nhwc,kchw->nk", features.reshape(3, 2, 2, 288), kernel) + bias
    nose = by_hand.reshape(3, 39, 3)[:, BLAZEPOSE_33.index("nose")]
    assert world is not None
    np.testing.assert_allclose(world[:, KEYPOINTS_25.index("nose")], nose, atol=1e-4)


def test_each_crop_is_of_its_own_frame() -> None:
    phi = BlazePosePhi()
    frames = [RNG.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(2)]
    boxes = np.array([[0, 0, 64, 64], [0, 0, 64, 64]], np.float32)
    both, _ = phi.features(frames, boxes, np.zeros((2, 25, 3)))
    second, _ = phi.features(frames[1:], boxes[1:], np.zeros((1, 25, 3)))
    np.testing.assert_allclose(both[1], second[0], atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 0.1


def test_no_crops() -> None:
    features, world = BlazePosePhi().features([], np.zeros((0, 4)), np.zeros((0, 25, 3)))
    assert features.shape == (0, 1152)
    assert world is not None
    assert world.shape == (0, 25, 3)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_picture_gives_the_same_phi_in_the_turned_crop(quarters: int) -> None:
    """Turned clockwise by quarters, which moves every pixel exactly. The 3D turns with the picture, since it is in the
    axes of the camera."""
    phi, upright = TurnedBlazePosePhi(), BlazePosePhi()
    assert isinstance(phi, TurnedPhi)
    assert not isinstance(upright, TurnedPhi)
    frame = cv2.GaussianBlur(RNG.integers(0, 255, (300, 300, 3), dtype=np.uint8), (0, 0), 6)
    keypoints = np.full((1, 25, 3), 0.9)
    for name, place in {"hip": (150, 170), "shoulder": (150, 110)}.items():
        for side, offset in (("left", 12), ("right", -12)):
            keypoints[0, KEYPOINTS_25.index(f"{side}_{name}"), :2] = np.add(place, (offset, 0))
    box, turn = np.array([[100, 100, 200, 200]], np.float32), quarters * np.pi / 2
    c, s = np.cos(turn), np.sin(turn)
    turned_frame, turned = np.rot90(frame, -quarters).copy(), keypoints.copy()
    turned[..., :2] = (keypoints[..., :2] - 150) @ np.array([[c, s], [-s, c]]) + 150
    assert np.cos(phi.turns(turned) - turn) == pytest.approx([1])
    plain, plain_3d = phi.features([frame], box, keypoints)
    again, again_3d = phi.features([turned_frame], box, turned)
    np.testing.assert_allclose(again, plain, atol=0.02 * np.abs(plain).max())
    assert np.abs(upright.features([turned_frame], box, turned)[0] - plain).max() > 0.1 * np.abs(plain).max()
    assert plain_3d is not None
    assert again_3d is not None
    camera = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    np.testing.assert_allclose(again_3d[0], plain_3d[0] @ camera.T, atol=0.03)


def test_a_frame_without_a_trunk_is_not_turned() -> None:
    keypoints = np.ones((2, 25, 3))
    keypoints[0] = 0
    keypoints[1, KEYPOINTS_25.index("left_hip"), 2] = 0
    assert TurnedBlazePosePhi().turns(keypoints).tolist() == [0, 0]
