"""Cells of a study on small generated lakes: trained once, scored once, nothing done twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.quickstart.report import points, summary, write_report
from flows.study.baselines import score_baselines
from flows.study.cells import missing_splits, run_cell
from flows.study.ground import Cell, Ground, HeldOut
from flows.study.pool import best_on_dev, dev_error
from hmmr_model.configs import TrainConfig
from hmmr_model.presets import tiny
from storage.lake import Lake
from storage.snapshot import freeze

PHI = "blazepose_penultimate"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, fill_lake: Callable[..., Path]) -> Ground:
    root = tmp_path_factory.mktemp("study")
    for name, first, splits in (
        ("lake", 0, ["unlabelled"] * 4), ("labelled", 100, ["labelled"] * 2), ("held_out", 200, ["dev", "dev", "test"]),
    ):  # fmt: skip
        fill_lake(root / name, first, splits, PHI, 8)
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
