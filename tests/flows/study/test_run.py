"""A whole small study on generated lakes: every cell once, every axis a series, dev first and test on demand."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.study.config import StudyConfig, StudyConfigError
from evaluation.study.grid import all_series
from flows.study.begin import labelled_sets, train_config
from flows.study.cells import HeldOut
from flows.study.places import Places, given_places, held_out_set
from flows.study.run import config_of, study_on
from flows.study.which import rank_parts
from storage.errors import NoSuchLake
from storage.lake import Lake

Fill = Callable[..., Path]
CONFIG = StudyConfig(
    name="unit", shares=(0.0, 1.0), seeds=(0,), budgets=("steps",), phi=("keypoints",), labelled=(2, None),
    noise=(0.0, 3.0), side_shares=(1.0,), perfect_2d=(1.0,), step_shares_without_film=(1.0,),
    train=(("model.groups", 4), ("model.width", 24), ("preset", "tiny"), ("steps", 2)),
)  # fmt: skip


@pytest.fixture
def places(tmp_path: Path, fill_lake: Fill) -> Places:
    held_out = (
        HeldOut("films", fill_lake(tmp_path / "held_out", 200, ["dev", "dev", "test"]), ("dev", "test")),
        HeldOut("mocap", fill_lake(tmp_path / "mocap", 300, ["mocap", "mocap"]), ("mocap",)),
    )
    return Places(
        fill_lake(tmp_path / "lake", 0, ["unlabelled"] * 4), fill_lake(tmp_path / "labelled", 100, ["labelled"] * 3),
        held_out, tmp_path / "out",
    )  # fmt: skip


def test_every_axis_is_a_series_and_test_is_scored_only_when_asked(places: Places) -> None:
    page = study_on(CONFIG, places, 1, "make test")
    assert "unit/steps/labelled-2/noise-3" in page.read_text()
    rows = _scored(places)
    assert {(row["dataset"], row["split"]) for row in rows} == {("films", "dev")}
    cells = {(row["study"], row["variant"], row["hours"] > 0) for row in rows if "/candidates" not in row["study"]}
    main, fewer, noisy = (series.name for series in all_series(CONFIG)[:3])
    assert {(variant, fed) for study, variant, fed in cells if study == main} >= {
        ("semi", False), ("semi", True), ("ceiling", True), ("perfect_2d", True), ("reprojected", False),
        ("no_film_best_step", False), ("ridge", False),
    }  # fmt: skip
    aside = {name: {variant for study, variant, _ in cells if study == name} for name in (fewer, noisy)}
    assert aside[fewer] >= {"semi", "reprojected"}
    assert aside[noisy] >= {"semi"}
    assert not any("ceiling" in variants for variants in aside.values())
    models = {path: path.stat().st_mtime_ns for path in (places.out / "models").glob("*/model.pt")}
    # Two labelled sets: none, all film and reprojected of each; ceiling, perfect 2D and noise of the first.
    assert len(models) == 2 * 3 + 3
    trainings = Lake(places.lake).read("runs").to_pylist()

    study_on(CONFIG, places, 1, "make test", score_test=True)
    assert models == {path: path.stat().st_mtime_ns for path in (places.out / "models").glob("*/model.pt")}
    assert _count(trainings) == _count(Lake(places.lake).read("runs").to_pylist())
    both = Counter((row["dataset"], row["split"]) for row in _scored(places) if "/candidates" not in row["study"])
    assert both.keys() == {("films", "dev"), ("films", "test"), ("mocap", "mocap")}
    assert all(row["commit"] for row in _scored(places))
    with pytest.raises(StudyConfigError, match=r"was begun with train .*give it another name"):
        study_on(replace(CONFIG, train=(("preset", "tiny"), ("steps", 3))), places, 1, "make test")


def test_parts_are_ranked_on_dev_and_kept(places: Places) -> None:
    small = replace(CONFIG, labelled=(None,))
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


def test_what_the_lakes_lack_is_named_before_anything_is_trained(places: Places, tmp_path: Path) -> None:
    bare = Lake(tmp_path / "bare")
    for name in ("tracklets", "features"):
        bare.append(name, Lake(places.lake).read(name))
    for changed, where, said in (
        (CONFIG, replace(places, lake=tmp_path / "bare"), "ceilings and perfect_2d: .* has no true 3D"),
        (replace(CONFIG, phi=("movenet",)), places, "phi movenet: .* harvested without it"),
        (replace(CONFIG, labelled=(20,)), places, "20 sources are asked for, .* has 3"),
        (CONFIG, replace(places, held_out=places.held_out[1:]), "no lake has the split dev"),
        (CONFIG, replace(places, perfect=tmp_path / "bare2"), "--perfect .* harvested without keypoints"),
    ):
        with pytest.raises(StudyConfigError, match=said):
            study_on(changed, where, 1, "make test")
    assert Lake(places.lake).version("scores") == -1


def test_labelled_sets_are_nested_and_drawn_for_each_seed(tmp_path: Path, fill_lake: Fill) -> None:
    lake = Lake(fill_lake(tmp_path / "labelled", 100, ["labelled"] * 8))
    sets = labelled_sets(lake, (2, 5, None), range(4))
    for seed in range(4):
        assert set(sets[2, seed]) < set(sets[5, seed]) < set(sets[None, seed])
        assert [len(sets[size, seed]) for size in (2, 5, None)] == [2, 5, 8]
    assert len({sets[2, seed] for seed in range(4)}) > 1


def test_held_out_sets_by_name(places: Places, tmp_path: Path) -> None:
    films, mocap = (str(one.lake) for one in places.held_out)
    assert held_out_set(films) == HeldOut("films", Path(films), ("dev", "test"))
    assert held_out_set(f"mocap={mocap}") == HeldOut("mocap", Path(mocap), ("mocap",))
    assert held_out_set(f"3dpw={films}").protocol == "hmmr_2019"
    for given, said in (
        (f"selfies={films}", "no protocol is for selfies; known are .*films"),
        (f"films:spin={films}", "spin is for 3dpw, not for films"),
        (f"films={places.labelled}", "no 3D labels of a held-out split"),
    ):
        with pytest.raises(StudyConfigError, match=said):
            held_out_set(given)
    with pytest.raises(StudyConfigError, match="two lakes of one name"):
        given_places(places.lake, places.labelled, [films, mocap], tmp_path)
    with pytest.raises(NoSuchLake, match="nowhere"):
        held_out_set(str(tmp_path / "nowhere"))


def test_a_study_on_own_data_needs_all_three_lakes(tmp_path: Path) -> None:
    assert given_places(None, None, [], tmp_path) is None
    with pytest.raises(StudyConfigError, match="--labelled"):
        given_places(tmp_path, None, [str(tmp_path)], tmp_path)
    with pytest.raises(NoSuchLake, match="nowhere"):
        given_places(tmp_path, tmp_path / "nowhere", [str(tmp_path)], tmp_path)
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


def _scored(places: Places) -> list[dict[str, Any]]:
    rows = Lake(places.lake).read("scores").to_pylist()
    assert max(Counter(row["score_id"] for row in rows).values()) == 1
    return list(rows)


def _count(runs: list[dict[str, Any]]) -> int:
    return sum(run["kind"] == "train" for run in runs)
