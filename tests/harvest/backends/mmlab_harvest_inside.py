"""Run by test_mmlab.py inside the environment of scripts/install_mmlab: a clip through the whole harvest by command."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from mmdet.apis import init_detector
from mmpose.apis import init_model
from typer.testing import CliRunner

from body.ffmpeg import ffmpeg_program
from cli.harvest import app
from harvest.backends.mmlab_models import find_config
from storage.atomic import file_sha256
from storage.lake import Lake

DETECTOR = "rtmdet_nano_320-8xb32_coco-person.py"
POSE = "rtmpose-t_8xb256-420e_coco-256x192.py"
SURE = 3.0
"""Bias of the detector's class: every place of the picture is a person with score 0.95 then."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model file with random weights, but for a detector that is sure of whatever it sees."""
    torch.manual_seed(0)
    detector = init_detector(str(find_config(DETECTOR)), None, device="cpu")
    for layer in detector.bbox_head.rtm_cls:
        layer.bias.data[:] = SURE
    pose = init_model(str(find_config(POSE)), None, device="cpu")
    for name, model in (("detector", detector), ("pose", pose)):
        torch.save({"state_dict": model.state_dict(), "meta": {}}, tmp_path / f"{name}.pth")
    few = f"_base_ = {str(find_config(DETECTOR))!r}\nmodel = dict(test_cfg=dict(max_per_img=2))\n"
    (tmp_path / "detector.py").write_text(few)
    lines = {"detector_config": "detector.py", "detector_checkpoint": "detector.pth", "pose_config": POSE,
             "pose_checkpoint": "pose.pth", "threshold": 0.4}  # fmt: skip
    (tmp_path / "mm.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return tmp_path / "mm.yaml"


def test_a_clip_goes_through_the_whole_harvest(models: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    pattern = "testsrc2=size=320x240:rate=25:duration=1.2"
    subprocess.run([ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", pattern, str(clip)], check=True)
    words = ["run", str(clip), "--lake", str(tmp_path / "lake"), "--backend", f"mmlab:{models}", "--phi", "keypoints"]
    result = CliRunner().invoke(app, [*words, "--workers", "1", "--json"])
    assert result.exit_code == 0, result.output
    books = json.loads(result.stdout.splitlines()[-1])
    assert (books["asked"], books["done"] + books["rejected"]) == (1, 1)
    lake = Lake(tmp_path / "lake")
    (video,) = lake.read("videos").to_pylist()
    assert video["n_frames"] == 30
    assert file_sha256(tmp_path / "detector.pth") in video["recipe"]
    # random joints are no motion, so what the filters say of them is theirs; but people were found, posed and followed
    followed = [*lake.read("tracklets").to_pylist(), *lake.read("rejects").to_pylist()]
    assert followed
    assert {row.get("reason") for row in followed} != {"no_person"}
    assert {"people", "pose"} <= set(json.loads(video["stage_seconds"]))
