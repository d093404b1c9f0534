"""Cells of a study on small generated lakes: trained once, scored once, nothing done twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from flows.baselines import score_baselines
from flows.cells import Cell, Ground, HeldOut, missing_splits, run_cell
from flows.choose import best_on_dev, dev_error
from flows.report import points, summary, write_report
from hmmr_model.configs import TrainConfig
from hmmr_model.presets import tiny
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.snapshot import freeze
from storage.tables import rows_to_table

PHI = "blazepose_penultimate"


def _labels(tracklet: dict[str, Any], split: str) -> dict[str, Any]:
    frames = tracklet["n_frames"]
    rotations = torch.eye(3).repeat(frames, 24, 1, 1)
    rotations[:, 16] = torch.linalg.matrix_exp(
        torch.linspace(0, 1, frames)[:, None, None] * torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    )
    keypoints, _ = KeypointModel.load()(rotations, torch.zeros(frames, 10))
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "body": "open24", "split": split,
        "truth_id": f"film_{tracklet['source_id'][:6]}:0", "valid": np.ones(frames, bool),
        "keypoints_3d": keypoints.numpy().reshape(frames, 75), "keypoints_2d": tracklet["keypoints"],
        "rotations": rotations.numpy().reshape(frames, 216), "betas": np.zeros(10, np.float32),
        "translation": np.zeros((frames, 3), np.float32),
    }  # fmt: skip


def _fill(lake: Path, first: int, splits: list[str]) -> None:
    tracklets = [tracklet_row(source_name(first + i)) for i in range(len(splits))]
    at = Lake(lake)
    at.append("tracklets", rows_to_table("tracklets", tracklets))
    at.append("features", rows_to_table("features", [feature_row(row, phi_name=PHI) for row in tracklets]))
    labels = [_labels(row, split) for row, split in zip(tracklets, splits, strict=True)]
    at.append("labels3d", rows_to_table("labels3d", labels))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    root = tmp_path_factory.mktemp("study")
    _fill(root / "lake", 0, ["unlabelled"] * 4)
    _fill(root / "labelled", 100, ["labelled"] * 2)
    _fill(root / "held_out", 200, ["dev", "dev", "test"])
    held_out = (HeldOut("films", root / "held_out", ("dev", "test")),)
    snapshot = freeze(Lake(root / "lake")).digest
    return Ground("unit", root / "lake", snapshot, root / "labelled", held_out, root / "models", "make test")


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return replace(tiny(), steps=2)


def test_a_cell_is_trained_and_scored_once(ground: Ground, config: TrainConfig) -> None:
    cell = Cell("semi", 0.5, 1, config)
    run_id = run_cell(cell, ground)
    assert missing_splits(cell, ground) == []
    before = Lake(ground.lake).versions()
    model = ground.out / run_id / "model.pt"
    trained_at = model.stat().st_mtime_ns
    assert run_cell(cell, ground) == run_id
    assert Lake(ground.lake).versions() == before
    assert model.stat().st_mtime_ns == trained_at
    (row,) = [row for row in Lake(ground.lake).read("runs").to_pylist() if row["run_id"] == run_id]
    told = json.loads(row["config"])
    assert (told["share"], told["seed"]) == (0.5, 1)
    assert row["snapshot"] == ground.snapshot
    assert told["hours"] == pytest.approx(2 * 30 / 25 / 3600)


def test_a_cell_that_lost_its_test_scores_gets_only_those(ground: Ground, config: TrainConfig) -> None:
    cell = Cell("ceiling", 1.0, 0, config)
    dev_only = replace(ground, held_out=(replace(ground.held_out[0], splits=("dev",)),))
    run_cell(cell, dev_only)
    assert [split for _, split in missing_splits(cell, ground)] == ["test"]
    run_cell(cell, ground)
    scored = [point for point in points(Lake(ground.lake), "unit") if point["variant"] == "ceiling"]
    assert [point["split"] for point in scored] == ["dev", "test"]
    assert [point["hours"] for point in scored] == pytest.approx([4 * 30 / 25 / 3600] * 2)


def test_a_candidate_that_is_chosen_is_not_trained_again(ground: Ground, config: TrainConfig) -> None:
    other = replace(config, steps=1)
    groups = [[Cell("candidate", 0.0, 0, each)] for each in (config, other)]
    for (cell,) in groups:
        run_cell(cell, ground)
    chosen = best_on_dev(groups, ground)
    assert chosen == min((config, other), key=lambda each: dev_error([Cell("candidate", 0.0, 0, each)], ground))
    semi = Cell("semi", 0.0, 0, chosen)
    assert (ground.out / semi.run_id(ground) / "model.pt").exists()
    with pytest.raises(ValueError, match="no score on dev"):
        dev_error([Cell("candidate", 0.0, 7, config)], ground)


def test_report_has_cells_baselines_and_books(ground: Ground, config: TrainConfig, tmp_path: Path) -> None:
    run_cell(Cell("semi", 1.0, 0, config), ground)
    score_baselines(ground, PHI)
    score_baselines(ground, PHI)
    checkpoint = tmp_path / "model.pt"
    lake = Lake(ground.lake)
    page = write_report(
        lake, "unit", tmp_path, snapshot=ground.snapshot, checkpoint=checkpoint, films=tmp_path, pictures=(), extra={}
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert {point["variant"] for point in report["baselines"]} >= {"mean_pose", "ridge", "zero_shot"}
    keys = ("phi", "hours", "seed", "split", "protocol", "mpjpe_mm", "pa_mpjpe_mm", "accel_error_mm_frame2")
    assert all(set(keys) | {"mirrored_share"} <= point.keys() for point in report["cells"])
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "mean_pose" in summary(tmp_path / "report.json")
