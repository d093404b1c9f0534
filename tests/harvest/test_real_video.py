"""The whole of labelling on real pixels: one person is one tracklet, where the published landmarks are."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body.joints import BLAZEPOSE_33, KEYPOINTS_25, indices
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy, licence_verdict
from harvest.label import LabelledVideo, Labeller
from harvest.registry import make_backend, make_phis
from harvest.sources.expand import expand
from harvest.weights import files as weights


@pytest.fixture(scope="module")
def label() -> Callable[..., LabelledVideo]:
    """The default harvest of one file, or of a section of it (start and end in seconds)."""
    weights.fetch()
    config = HarvestConfig()
    labeller = Labeller(make_backend(config), make_phis(config.phis), config.label, Policy())

    def labelled(path: Path, *sections_s: tuple[float, float]) -> LabelledVideo:
        (source,) = expand([path])
        source = replace(source, sections_s=sections_s)
        return labeller.label(path, source, licence_verdict(source, {}, Policy()))

    return labelled


@pytest.mark.slow
def test_squats_against_the_published_landmarks(shared_data: Path, label: Callable[..., LabelledVideo]) -> None:
    folder = shared_data / "real_video"
    labelled = label(folder / "pose_squats.mp4")
    (row,) = labelled.rows["tracklets"]
    assert (row["n_frames"], row["fps_num"], row["fps_den"]) == (65, 5, 1)
    assert row["observed"].all()
    both = [name for name in KEYPOINTS_25 if name in BLAZEPOSE_33]
    golden = np.array(json.loads((folder / "pose_squats.full.json").read_text()))[:, indices(both, BLAZEPOSE_33), :2]
    ours = row["keypoints"].reshape(-1, 25, 3)[:, indices(both, KEYPOINTS_25), :2]
    apart = np.linalg.norm(ours - golden, axis=-1)
    assert apart.mean() < 9.75
    assert np.percentile(apart, 95) < 28
    (features,) = labelled.rows["features"]
    assert len(features["phi"]) == 65 * 1152 * 2
    assert features["zero_shot_3d"].shape == (65, 75)


@pytest.mark.slow
@pytest.mark.parametrize("camera", ["01", "02"])
def test_athlete_is_one_tracklet_and_the_bystander_none(
    shared_data: Path, label: Callable[..., LabelledVideo], camera: str
) -> None:
    labelled = label(shared_data / "real_video" / f"pose2sim_single_cam{camera}.mp4")
    (row,) = labelled.rows["tracklets"]
    assert (row["n_frames"], row["fps_num"]) == (42, 25)
    assert row["median_diagonal_px"] > 600
    assert {each["reason"] for each in labelled.rows["rejects"]} <= {"still", "bystander", "too_short", "few_joints"}


@pytest.mark.slow
def test_no_body_is_drawn_on_a_face_in_the_dark(shared_data: Path, label: Callable[..., LabelledVideo]) -> None:
    labelled = label(shared_data / "real_video" / "animation_dark.mp4", (11.9, 13.9))
    assert labelled.rows["tracklets"] == []


@pytest.mark.slow
def test_the_jumper_and_the_woman_who_walks_are_one_row_each(
    shared_data: Path, label: Callable[..., LabelledVideo]
) -> None:
    """The jumper is lost as he tumbles against the sun (155 to 191) and has another row when he lands."""
    labelled = label(shared_data / "real_video" / "jump_and_walk.mp4", (2.8, 7.6))
    walks, *jumps = sorted(labelled.rows["tracklets"], key=lambda row: -row["n_frames"])
    assert walks["frame_index"][0] <= 86
    assert walks["n_frames"] >= 95
    assert len(jumps) == 2
    spans = sorted((int(row["frame_index"][0]), int(row["frame_index"][-1])) for row in jumps)
    assert spans[0][0] <= 86
    assert spans[0][1] >= 150
    assert spans[1][0] <= 194
    assert spans[1][1] >= 222


@pytest.mark.slow
def test_the_person_beside_the_treadmill_has_one_row_throughout(
    shared_data: Path, label: Callable[..., LabelledVideo]
) -> None:
    labelled = label(shared_data / "real_video" / "two_people_treadmill.mp4")
    (row,) = labelled.rows["tracklets"]
    assert (row["n_frames"], bool(row["observed"].all())) == (42, True)


@pytest.mark.slow
def test_two_who_wrestle_at_a_table_have_no_row(shared_data: Path, label: Callable[..., LabelledVideo]) -> None:
    """Their legs are under it. People behind them, at most 170 px high, have rows; some of these hold invented legs
    (docs/results/labels.md)."""
    labelled = label(shared_data / "real_video" / "arm_wrestling.mp4", (0.0, 2.0))
    heights = [float(np.median(row["boxes"][:, 3] - row["boxes"][:, 1])) for row in labelled.rows["tracklets"]]
    assert all(height < 170 for height in heights)
