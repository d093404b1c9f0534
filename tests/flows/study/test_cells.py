"""Cells of a study on small generated lakes: trained once, scored once, nothing done twice."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.quickstart.report import points, summary, write_report
from flows.study.baselines import score_baselines
from flows.study.cells import Cell, HeldOut, StudyContext, cell_data, locked, missing_splits, run_cell
from flows.study.parallel import best_on_dev, dev_error
from hmmr_model.configs import TrainConfig, tiny
from storage.lake import Lake
from storage.snapshot import freeze

PHI = "blazepose_penultimate"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory, fill_lake: Callable[..., Path]) -> StudyContext:
    root = tmp_path_factory.mktemp("study")
    for name, first, splits in (
        ("lake", 0, ["unlabelled"] * 4), ("labelled", 100, ["labelled"] * 2), ("held_out", 200, ["dev", "dev", "test"]),
    ):  # fmt: skip
        fill_lake(root / name, first, splits, PHI, 8)
    held_out = (HeldOut("films", root / "held_out", ("dev", "test")),)
    snapshot = freeze(Lake(root / "lake")).digest
    return StudyContext("unit", root / "lake", snapshot, root / "labelled", held_out, root / "models", "make test")


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return replace(tiny(), steps=2)


def test_a_cell_is_trained_and_scored_once(context: StudyContext, config: TrainConfig) -> None:
    cell = Cell("semi", 0.5, 1, config)
    run_id = run_cell(cell, context)
    assert missing_splits(cell, context) == []
    before = Lake(context.lake).versions()
    model = context.out / run_id / "model.pt"
    trained_at = model.stat().st_mtime_ns
    assert run_cell(cell, context) == run_id
    assert Lake(context.lake).versions() == before
    assert model.stat().st_mtime_ns == trained_at
    (row,) = [row for row in Lake(context.lake).read("runs").to_pylist() if row["run_id"] == run_id]
    told = json.loads(row["config"])
    assert (told["share"], told["seed"]) == (0.5, 1)
    assert row["snapshot"] == context.snapshot
    assert told["hours"] == pytest.approx(2 * 30 / 25 / 3600)


def test_a_cell_that_lost_its_test_scores_gets_only_those(context: StudyContext, config: TrainConfig) -> None:
    cell = Cell("ceiling", 1.0, 0, config)
    dev_only = replace(context, held_out=(replace(context.held_out[0], splits=("dev",)),))
    run_cell(cell, dev_only)
    assert [split for _, split in missing_splits(cell, context)] == ["test"]
    run_cell(cell, context)
    scored = [point for point in points(Lake(context.lake), "unit") if point["variant"] == "ceiling"]
    assert [point["split"] for point in scored] == ["dev", "test"]
    assert [point["hours"] for point in scored] == pytest.approx([4 * 30 / 25 / 3600] * 2)


def test_a_candidate_that_is_chosen_is_not_trained_again(context: StudyContext, config: TrainConfig) -> None:
    other = replace(config, steps=1)
    groups = [[Cell("candidate", 0.0, 0, each)] for each in (config, other)]
    for (cell,) in groups:
        run_cell(cell, context)
    chosen = best_on_dev(groups, context)
    assert chosen == min((config, other), key=lambda each: dev_error([Cell("candidate", 0.0, 0, each)], context))
    semi = Cell("semi", 0.0, 0, chosen)
    assert (context.out / semi.run_id(context) / "model.pt").exists()
    with pytest.raises(ValueError, match="no score on dev"):
        dev_error([Cell("candidate", 0.0, 7, config)], context)


def test_report_has_cells_baselines_and_books(context: StudyContext, config: TrainConfig, tmp_path: Path) -> None:
    run_cell(Cell("semi", 1.0, 0, config), context)
    score_baselines(context, PHI)
    score_baselines(context, PHI)
    checkpoint = tmp_path / "model.pt"
    lake = Lake(context.lake)
    page = write_report(
        lake, "unit", tmp_path, snapshot=context.snapshot, checkpoint=checkpoint, films=tmp_path, pictures=(), extra={}
    )
    report = json.loads((tmp_path / "report.json").read_text())
    variants = {point["variant"] for point in report["baselines"]}
    assert variants >= {"mean_pose", "ridge", "zero_shot", "zero_shot_smoothed"}
    keys = ("phi", "hours", "seed", "split", "protocol", "mpjpe_mm", "pa_mpjpe_mm", "accel_error_mm_frame2")
    assert all(set(keys) | {"mirrored_share"} <= point.keys() for point in report["cells"])
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "mean_pose" in summary(tmp_path / "report.json")


def test_a_cell_of_stretches_is_another_training_at_the_same_hours(context: StudyContext, config: TrainConfig) -> None:
    plain = Cell("semi", 0.5, 0, config)
    spread = replace(plain, spread=1.5)
    assert replace(plain, spread=1.0).run_id(context) == plain.run_id(context) != spread.run_id(context)
    assert replace(spread, share=0.0).run_id(context) == replace(plain, share=0.0).run_id(context)
    run_id = run_cell(spread, context)
    (row,) = [row for row in Lake(context.lake).read("runs").to_pylist() if row["run_id"] == run_id]
    told = json.loads(row["config"])
    assert told["spread"] == 1.5
    assert told["hours"] == pytest.approx(2 * 30 / 25 / 3600)
    assert len(cell_data(spread, context).tracklet_ids) == 3 == len(cell_data(plain, context).tracklet_ids) + 1


WAITER = """
import sys
from pathlib import Path
from flows.study.cells import locked
with locked(Path(sys.argv[1])):
    print("in")
"""


def test_a_second_process_waits_until_the_first_is_done(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITER, str(tmp_path / "run")]
    with locked(tmp_path / "run"):
        waiter = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.wait(timeout=1.5)
    assert waiter.communicate(timeout=60)[0] == "in\n"
