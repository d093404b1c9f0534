"""Run by test_mmlab.py inside the environment of scripts/install_mmlab: real mmdet and mmpose, random weights."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmengine.logging import HistoryBuffer
from mmpose.apis import inference_topdown, init_model

from body.joints import COCO_17, KEYPOINTS_25
from harvest.backends.embedded import NanoDet, NanoDetConfig
from harvest.backends.joint_names import HALPE_26, JointMap
from harvest.backends.mmlab import MmlabBackend, MmlabConfig
from harvest.backends.mmlab_models import find_config
from harvest.weights.safe_checkpoint import CheckpointError, load_state_dict

DETECTOR = "rtmdet_nano_320-8xb32_coco-person.py"
POSE = "rtmpose-t_8xb256-420e_coco-256x192.py"
FRAMES = [np.random.default_rng(i).integers(0, 255, (180, 240, 3), dtype=np.uint8) for i in range(3)]
BOXES = [
    np.array([[20, 10, 90, 170, 0.9], [100, 30, 200, 150, 0.8]]),
    np.zeros((0, 5)),
    np.array([[0, 0, 50, 90, 0.5]]),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Random weights, saved as mmengine saves them: with metadata that weights_only refuses."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, model in (
        ("detector", init_detector(str(find_config(DETECTOR)), None, device="cpu")),
        ("pose", init_model(str(find_config(POSE)), None, device="cpu")),
    ):
        if name == "pose":  # scores below 1, so that nothing hides behind the clipping
            model.head.cls_x.weight.data *= 0.05
            model.head.cls_y.weight.data *= 0.05
        meta = {"dataset_meta": {"sigmas": np.ones(17, np.float32)}}
        content = {
            "state_dict": OrderedDict(model.state_dict()),
            "meta": meta,
            "message_hub": HistoryBuffer([1.0], [1]),
        }
        torch.save(content, folder / f"{name}.pth")
    return folder / "detector.pth", folder / "pose.pth"


@pytest.fixture(scope="module")
def backend(checkpoints: tuple[Path, Path]) -> MmlabBackend:
    return MmlabBackend(MmlabConfig(POSE, DETECTOR, *checkpoints, threshold=0.0, frames_batch=2, people_batch=2))


def bare(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=False)["state_dict"]


def test_boxes_are_those_of_mmdet(backend: MmlabBackend, checkpoints: tuple[Path, Path]) -> None:
    model = init_detector(str(find_config(DETECTOR)), None, device="cpu")
    model.load_state_dict(bare(checkpoints[0]))
    for frame, ours in zip(FRAMES, backend.people(FRAMES), strict=True):
        theirs = inference_detector(model, frame[..., ::-1].copy()).pred_instances.numpy()
        order = np.argsort(-theirs.scores, kind="stable")
        assert len(ours) == len(theirs.scores) > 0
        np.testing.assert_allclose(ours[:, 4], theirs.scores[order], atol=1e-5)
        np.testing.assert_allclose(np.sort(ours[:, :4], 0), np.sort(theirs.bboxes, 0), atol=1e-2)


def test_joints_are_those_of_mmpose(backend: MmlabBackend, checkpoints: tuple[Path, Path]) -> None:
    model = init_model(str(find_config(POSE)), None, device="cpu")
    model.load_state_dict(bare(checkpoints[1]))
    ours = backend.pose(FRAMES, BOXES)
    assert [len(people) for people in ours] == [2, 0, 1]
    slots = [KEYPOINTS_25.index(name) for name in COCO_17]
    for frame, boxes, people in zip(FRAMES, BOXES, ours, strict=True):
        if not len(boxes):
            continue
        for person, theirs in zip(people, inference_topdown(model, frame[..., ::-1].copy(), boxes[:, :4]), strict=True):
            np.testing.assert_allclose(person[slots, :2], theirs.pred_instances.keypoints[0], atol=1e-2)
            np.testing.assert_allclose(person[slots, 2], theirs.pred_instances.keypoint_scores[0], atol=1e-5)
    assert set(backend.joints) == set(COCO_17)


def test_checkpoint_of_another_network_is_named(checkpoints: tuple[Path, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"detector\.pth: not a checkpoint of this config"):
        MmlabBackend(MmlabConfig(POSE, DETECTOR, checkpoints[0], checkpoints[0]))


def test_metadata_is_not_loaded(checkpoints: tuple[Path, Path]) -> None:
    assert load_state_dict(checkpoints[1]).keys() == bare(checkpoints[1]).keys()


def test_joint_orders_are_mmposes_own() -> None:
    model = init_model(str(find_config("rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py")), None, device="cpu")
    names = model.dataset_meta["keypoint_id2name"]
    assert tuple(names[i] for i in range(26)) == HALPE_26
    assert "head_top" in JointMap.of(HALPE_26).joints


def test_without_a_detector_of_mmdet_nanodet_detects_and_the_name_says_so(checkpoints: tuple[Path, Path]) -> None:
    backend = MmlabBackend(MmlabConfig(POSE, pose_checkpoint=checkpoints[1], threshold=0.25))
    assert backend.name == "nanodet+mmpose"
    assert set(backend.weights) == {"nanodet.onnx", "pose", "pose_config"}
    nanodet = NanoDet(NanoDetConfig(threshold=0.25))
    for ours, theirs in zip(backend.people(FRAMES), nanodet.people(FRAMES), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [len(people) for people in backend.pose(FRAMES, BOXES)] == [2, 0, 1]
