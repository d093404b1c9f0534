import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from flows.predict import predicted, tracklets_of
from flows.predict_photo import people_boxes, read_instant
from harvest.sources.expand import expand
from hmmr_model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hmmr_model.configs import DataConfig, ModelConfig, TrainConfig
from hmmr_model.network import HMMR
from hmmr_model.predict import Predictor, inner_windows
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

RUN = CliRunner()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Untrained, but whole: φ is the detected keypoints, all six heads."""
    torch.manual_seed(0)
    model = ModelConfig(width=16, groups=2, regressor_width=16)
    config = TrainConfig(preset="test", model=model, data=DataConfig(phi_name="keypoints"))
    path = tmp_path / "model.pt"
    save_checkpoint(path, Checkpoint(config, 75, "open24", 1, None, HMMR(model, 75).state_dict()))
    return path


def _predict(source: Path, checkpoint: Path, out: Path, *more: str) -> str:
    result = RUN.invoke(app, ["predict", str(source), "--checkpoint", str(checkpoint), "--out", str(out), *more])
    assert "Traceback" not in result.output
    return f"{result.exit_code} {' '.join(result.output.split())}"


@pytest.mark.slow
def test_a_video_becomes_files_of_every_kind(shared_data: Path, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = _predict(shared_data / "real_video" / "pose_squats.mp4", checkpoint, out, "--no-render")
    assert said.startswith("0 "), said
    assert {path.name for path in out.glob("motion_*")} == {"motion_0.npz", "motion_0.glb", "motion_0.bvh"}
    with np.load(out / "motion_0.npz") as motion:
        assert motion["poses"].shape == (65, 72)
        assert motion["future_keypoints_3d"].shape == (65, 25, 3)
        assert np.isfinite(motion["translation"]).all()


@pytest.mark.slow
def test_a_photograph_has_past_present_and_future(shared_data: Path, checkpoint: Path, tmp_path: Path) -> None:
    video = cv2.VideoCapture(str(shared_data / "real_video" / "pose_squats.mp4"))
    cv2.imwrite(str(tmp_path / "photo.png"), video.read()[1])
    out = tmp_path / "out"
    out.mkdir()
    (out / "motion_7.glb").write_text("of an earlier run")
    (out / "motion_of_mine.txt").write_text("kept")
    assert _predict(tmp_path / "photo.png", checkpoint, out).startswith("0 ")
    assert sorted(p.name for p in out.glob("motion_*.*") if p.suffix in (".glb", ".txt")) == [
        "motion_0.glb",
        "motion_of_mine.txt",
    ]
    assert (out / "strip.png").is_file()
    with np.load(out / "motion_0.npz") as motion:
        assert motion["poses"].shape == motion["past_poses"].shape == motion["future_poses"].shape == (1, 72)


@pytest.mark.slow
def test_without_a_checkpoint_the_released_model_stands_the_body_on_its_feet(shared_data: Path, tmp_path: Path) -> None:
    """Of a standing man the head is above the feet, and with twice the focal length he stands twice as far away."""
    video = cv2.VideoCapture(str(shared_data / "real_video" / "pose_squats.mp4"))
    cv2.imwrite(str(tmp_path / "photo.png"), video.read()[1])
    depths = []
    for focal in (600, 1200):
        command = ["predict", str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), "--focal", str(focal)]
        result = RUN.invoke(app, [*command, "--no-render"])
        assert result.exit_code == 0, result.output
        with np.load(tmp_path / "out" / "motion_0.npz") as motion:
            assert motion["joints"][0, 15, 1] < motion["joints"][0, 0, 1] - 0.4 < motion["joints"][0, 7, 1] - 0.8
            assert not motion["focal_assumed"]
            depths.append(motion["joints"][0, 0, 2])
    assert depths[1] == pytest.approx(2 * depths[0], rel=0.1)


@pytest.mark.slow
def test_one_instant_of_a_video_is_a_photograph_of_it(shared_data: Path, tmp_path: Path) -> None:
    clip = shared_data / "real_video" / "pose_squats.mp4"
    video = cv2.VideoCapture(str(clip))
    video.set(cv2.CAP_PROP_POS_FRAMES, 17)
    np.testing.assert_allclose(read_instant(clip, 3.4)[::9, ::9, ::-1].astype(int), video.read()[1][::9, ::9], atol=6)
    command = ["predict", str(clip), "--out", str(tmp_path / "out"), "--at", "3.4", "--no-render"]
    result = RUN.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "motion_0.bvh",
        "motion_0.glb",
        "motion_0.npz",
    ]
    late = RUN.invoke(app, [*command[:-2], "13", "--no-render"])
    assert late.exit_code == 2
    assert "error: pose_squats.mp4: is 13.00 s long, there is no picture at 13.0 s" in late.stderr


@pytest.mark.slow
def test_people_who_are_small_in_a_photograph_are_found_too(shared_data: Path) -> None:
    """At 320 px the detector is sure of nobody in this picture; larger, of the athlete and the operator."""
    video = cv2.VideoCapture(str(shared_data / "real_video" / "pose2sim_single_cam02.mp4"))
    video.set(cv2.CAP_PROP_POS_FRAMES, 40)
    picture = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
    assert len(people_boxes(np.asarray(picture, np.uint8))) == 2


def test_what_is_wrong_is_said_in_a_line(checkpoint: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "text.mp4", tmp_path / "out"
    text.write_text("not a video")
    picture = tmp_path / "text.png"
    picture.write_text("not a picture")
    absent = tmp_path / "absent.mp4"
    assert _predict(absent, checkpoint, out) == f"2 error: {absent}: no such file or folder"
    assert "text.mp4" in _predict(text, checkpoint, out)
    assert "text.png: is not an image" in _predict(picture, checkpoint, out)
    assert "text.mp4: is not a checkpoint" in _predict(text, text, out)
    cv2.imwrite(str(picture), np.zeros((120, 160, 3), np.uint8))
    assert _predict(picture, checkpoint, out) == "2 error: text.png: nobody was found in the picture"


def test_a_web_address_is_no_file(checkpoint: Path, tmp_path: Path) -> None:
    result = RUN.invoke(app, ["predict", "http://a.org/x.mp4", "--checkpoint", str(checkpoint), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "predict takes a file of this disk: download it first" in result.output


@pytest.mark.parametrize(("fps", "notes"), [(5, 1), (25, 0)])
def test_a_rate_that_no_training_took_is_one_plain_line(checkpoint: Path, tmp_path: Path, fps: int, notes: int) -> None:
    lake = Lake(tmp_path / "lake")
    rows = [tracklet_row(source_name(0), person=person, frames=4) | {"fps_num": fps} for person in range(2)]
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ids = [row["tracklet_id"] for row in rows]
        found = predicted(Predictor(load_checkpoint(checkpoint)), lake, ids, inner_windows, "clip.mp4", told.append)
    assert len(found) == 2
    assert told == ["clip.mp4 has 5 frames/s; the model was trained on 20 to 30"] * notes


def test_another_video_of_the_same_scratch_lake_is_left_out(tmp_path: Path) -> None:
    lake, videos = Lake(tmp_path / "lake"), [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for video in videos:
        video.write_bytes(video.name.encode())
    rows = [tracklet_row(expand([video])[0].item_id) for video in videos]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    assert [tracklets_of(video, lake) for video in videos] == [(row["tracklet_id"],) for row in rows]
