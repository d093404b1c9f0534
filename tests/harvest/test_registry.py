"""Names of the command line to backends and features."""

from pathlib import Path

import pytest

from harvest.config import HarvestConfig
from harvest.registry import make_backend, make_phis
from harvest.weights.safe_checkpoint import CheckpointError


@pytest.mark.parametrize("name", ["", "embeded", "mmlab", "rtm", "truth:x"])
def test_unknown_backends_are_told_the_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"embedded|films"):
        make_backend(HarvestConfig(backend=name))


@pytest.mark.parametrize("name", ["", "blazepose", "resnet50_v1", "vit:base"])
def test_unknown_features_are_told_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="blazepose_penultimate, blazepose_turned, keypoints, movenet_pyramid"):
        make_phis(["keypoints", name])


def test_what_the_user_brings_comes_after_the_colon(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"spin\.pt: no such checkpoint"):
        make_phis([f"resnet50_v1:{tmp_path / 'spin.pt'}"])
    (tmp_path / "mm.yaml").write_text("colour: red\n")
    with pytest.raises(ValueError, match="unknown setting 'colour'"):
        make_backend(HarvestConfig(backend=f"mmlab:{tmp_path / 'mm.yaml'}"))


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"device cuda: this onnxruntime has .*CPUExecutionProvider"):
        make_phis(["blazepose_penultimate"], "cuda")
