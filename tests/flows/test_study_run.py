"""A whole small study on generated lakes: every cell once, killed and resumed, ranked by part."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from evaluation.study_grid import StudyConfig, StudyConfigError
from flows import pool as cell_pool
from flows.cells import HeldOut
from flows.study_places import Places, given_places
from flows.study_run import config_of, study_on
from flows.study_train import train_config
from flows.study_which import rank_parts
from storage.errors import NoSuchLake
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

CONFIG = StudyConfig(
    name="unit", shares=(0.0, 1.0), seeds=(0, 1), budgets=("steps",), phi=("keypoints",), ceilings=(),
    step_shares_without_film=(), train=(("preset", "tiny"), ("steps", 2), ("model.width", 24), ("model.groups", 4)),
)  # fmt: skip


def labels(tracklet: dict[str, Any], split: str) -> dict[str, Any]:
    """Truth of a person who stands still, in the camera's axes."""
    frames = tracklet["n_frames"]
    rotations = torch.eye(3).repeat(frames, 24, 1, 1)
    keypoints, _ = KeypointModel.load()(rotations, torch.zeros(frames, 10))
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "body": "open24", "split": split,
        "truth_id": f"film_{tracklet['source_id'][:6]}:0", "valid": np.ones(frames, bool),
        "keypoints_3d": keypoints.numpy().reshape(frames, 75), "keypoints_2d": tracklet["keypoints"],
        "rotations": rotations.numpy().reshape(frames, 216), "betas": np.zeros(10, np.float32),
        "translation": np.zeros((frames, 3), np.float32),
    }  # fmt: skip


def fill(lake: Path, first: int, splits: list[str]) -> Path:
    rows = [tracklet_row(source_name(first + i), tags=[["walk"], ["run"]][i % 2]) for i in range(len(splits))]
    at = Lake(lake)
    at.append("tracklets", rows_to_table("tracklets", rows))
    at.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
    truth = [labels(row, split) for row, split in zip(rows, splits, strict=True)]
    at.append("labels3d", rows_to_table("labels3d", truth))
    return lake


@pytest.fixture
def places(tmp_path: Path) -> Places:
    held_out = fill(tmp_path / "held_out", 200, ["dev", "dev", "test", "test"])
    return Places(
        fill(tmp_path / "lake", 0, ["unlabelled"] * 4), fill(tmp_path / "labelled", 100, ["labelled"] * 2),
        (HeldOut("films", held_out, ("dev", "test")),), tmp_path / "out",
    )  # fmt: skip


def scored(places: Places) -> dict[str, float]:
    rows = Lake(places.lake).read("scores").to_pylist()
    assert max(Counter(row["score_id"] for row in rows).values()) == 1
    return {row["score_id"]: row["value"] for row in rows}


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_rows(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study_on(CONFIG, places, 1, "make test")
    truth = scored(places)
    assert "unit/steps" in whole.read_text()

    again = replace(places, lake=fill(tmp_path / "second" / "lake", 0, ["unlabelled"] * 4), out=tmp_path / "second")
    real, done = cell_pool.run_cell, []

    def dies(cell: Any, ground: Any) -> str:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(cell)
        return real(cell, ground)

    monkeypatch.setattr(cell_pool, "run_cell", dies)
    with pytest.raises(KeyboardInterrupt):
        study_on(CONFIG, again, 1, "make test")
    assert 0 < len(scored(again)) < len(truth)
    monkeypatch.setattr(cell_pool, "run_cell", real)
    study_on(CONFIG, again, 1, "make test")
    assert scored(again).keys() == truth.keys()
    assert all(scored(again)[key] == pytest.approx(truth[key], rel=1e-4, abs=1e-6, nan_ok=True) for key in truth)


@pytest.mark.slow
def test_parts_are_ranked_on_dev_and_kept(places: Places) -> None:
    small = replace(CONFIG, seeds=(0,))
    found = rank_parts(small, places, "tag", 1, "make test")
    assert {one.group for one in found} == {"walk", "run"}
    assert all(one.shapley is not None for one in found)
    rows = Lake(places.lake).read("scores").to_pylist()
    assert {row["split"] for row in rows} == {"dev"}
    assert {row["study"] for row in rows} == {f"unit/by-tag/{name}" for name in ("none", "walk", "run", "run+walk")}
    kept = [json.loads(row["config"]) for row in Lake(places.lake).read("runs").to_pylist() if row["kind"] == "study"]
    assert [content["which"]["by"] for content in kept] == ["tag"]
    with pytest.raises(StudyConfigError, match="--by colour: the pool can be cut by source"):
        rank_parts(small, places, "colour", 1, "make test")


def test_a_row_with_perfect_2d_needs_its_lake(places: Places) -> None:
    with pytest.raises(StudyConfigError, match="--perfect"):
        study_on(replace(CONFIG, perfect_2d=(1.0,)), places, 1, "make test")


def test_a_study_on_own_data_needs_all_three_lakes(tmp_path: Path) -> None:
    assert given_places(None, None, None, tmp_path) is None
    with pytest.raises(StudyConfigError, match="--labelled"):
        given_places(tmp_path, None, tmp_path, tmp_path)
    with pytest.raises(NoSuchLake, match="nowhere"):
        given_places(tmp_path, tmp_path / "nowhere", tmp_path, tmp_path)
    with pytest.raises(StudyConfigError, match="no-such-study"):
        config_of("no-such-study.yaml")


def test_changes_to_the_training_preset() -> None:
    found = train_config((("preset", "tiny"), ("model.blocks", 1), ("loss.keypoints_2d", 15)))
    assert (found.preset, found.model.blocks, found.loss.keypoints_2d) == ("tiny", 1, 15)
    for changes, said in (
        ((("preset", "huge"),), "no preset huge"),
        ((("model.depth", 1),), "train.model.depth: no such setting"),
        ((("model", 1),), "train.model: name one setting"),
        ((("steps", "many"),), "train.steps: wanted int"),
    ):
        with pytest.raises(StudyConfigError, match=said):
            train_config(changes)
