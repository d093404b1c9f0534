"""Run by test_mmlab.py where mmpose and rtmlib both are: the same random RTMPose weights through both."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from mmengine import Config
from mmpose.apis import init_model
from onnx import TensorProto, helper, numpy_helper

from body.joints import COCO_17
from harvest.backends.mmlab_models import find_config
from harvest.backends.rtm import RtmBackend, RtmConfig

POSE = "rtmpose-t_8xb256-420e_coco-256x192.py"
FRAME = np.random.default_rng(0).integers(0, 255, (180, 240, 3), dtype=np.uint8)
BOXES = np.array([[20, 10, 90, 170], [100, 30, 200, 150]], np.float32)


@pytest.fixture(scope="module")
def pose_model() -> torch.nn.Module:
    torch.manual_seed(1)
    config = Config.fromfile(str(find_config(POSE)))
    config.model.test_cfg.flip_test = False
    model = init_model(config, None, device="cpu")
    with torch.no_grad():  # scores below 1, so that nothing hides behind the clipping
        model.head.cls_x.weight *= 0.05
        model.head.cls_y.weight *= 0.05
    return model


@pytest.fixture(scope="module")
def exported(pose_model: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = pose_model

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.model.head(self.model.backbone(image))

    place = tmp_path_factory.mktemp("rtm") / "pose.onnx"
    torch.onnx.export(Bare().eval(), torch.zeros(1, 3, 256, 192), str(place), opset_version=13, dynamo=False)
    return place


def detector(place: Path, raw: np.ndarray) -> Path:
    """An ONNX detector that says `raw` whatever it sees."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["raw", "z"], ["out"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, None, None])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None] * 3)
    constants = [numpy_helper.from_array(np.float32(0), "zero"), numpy_helper.from_array(raw, "raw")]
    graph = helper.make_graph(nodes, "detector", [image], [out], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), place)
    return place


@pytest.fixture(scope="module")
def backend(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> RtmBackend:
    raw = np.array([[[80, 40, 160, 300, 0.6], [40, 20, 180, 340, 0.9], [0, 0, 9, 9, 0.1]]], np.float32)
    place = detector(tmp_path_factory.mktemp("det") / "det.onnx", raw)
    return RtmBackend(RtmConfig(str(place), str(exported), detector_kind="rtmdet", detector_size=(320, 320)))


def test_boxes_come_back_in_frame_pixels_with_scores(backend: RtmBackend) -> None:
    (boxes,) = backend.people([FRAME])
    expected = np.array([[40, 20, 180, 340], [80, 40, 160, 300]]) * 240 / 320
    np.testing.assert_allclose(boxes[:, :4], expected, rtol=1e-5)
    np.testing.assert_allclose(boxes[:, 4], [0.9, 0.6], rtol=1e-5)


def test_joints_are_those_of_mmpose(backend: RtmBackend, pose_model: torch.nn.Module) -> None:
    from mmpose.apis import inference_topdown

    ours = backend.pose([FRAME, FRAME], [BOXES, BOXES[:0]])
    assert ours[1].shape == (0, 25, 3)
    assert set(backend.joints) == set(COCO_17)
    slots = backend._joints.slots
    theirs = inference_topdown(pose_model, FRAME[..., ::-1].copy(), BOXES)
    for person, sample in zip(ours[0], theirs, strict=True):
        points = sample.pred_instances.keypoints[0][backend._joints.sources]
        scores = sample.pred_instances.keypoint_scores[0][backend._joints.sources]
        # rtmlib scores by the mean of the two axes, mmpose by the lesser
        assert (person[slots, 2] >= scores - 1e-4).all()
        np.testing.assert_allclose(person[slots, 2], scores, atol=0.1)
        np.testing.assert_allclose(person[slots, :2], points, atol=1e-2)


def test_sets_have_names() -> None:
    assert RtmConfig.by_name("balanced").pose_size == (192, 256)
    with pytest.raises(ValueError, match="no set 'best'"):
        RtmConfig.by_name("best")
