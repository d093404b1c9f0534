"""Label versions as an axis of a small study: the same videos in every version, one training without film, a page."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.study.config import StudyConfig, StudyConfigError
from flows.study.begin import begin, train_config
from flows.study.cells import Cell, HeldOut, cell_data
from flows.study.labels import with_versions
from flows.study.places import Places
from flows.study.run import study_on
from flows.study.which import rank_parts
from storage.example_rows import WHEN, feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

Fill = Callable[..., Path]
CONFIG = StudyConfig(
    name="unit", shares=(0.0, 0.5, 1.0), seeds=(0,), budgets=("steps",), phi=("keypoints",), ceilings=(),
    step_shares_without_film=(1.0,), reprojected=False, labels=("k1", "k2"),
    train=(("model.groups", 4), ("model.width", 24), ("preset", "tiny"), ("steps", 2)),
)  # fmt: skip
SOURCES = 4


@pytest.fixture
def places(tmp_path: Path, fill_lake: Fill) -> Places:
    """A pool whose videos have labels k1 and, later and shorter, k2; of the last video k2 kept nothing."""
    held_out = HeldOut("films", fill_lake(tmp_path / "held_out", 200, ["dev", "dev"]), ("dev",))
    lake = Lake(fill_lake(tmp_path / "lake", 0, ["unlabelled"] * SOURCES))
    at = WHEN.replace(year=2027)
    again = [tracklet_row(source_name(i), frames=24, label_key="k2", committed_at=at) for i in range(SOURCES - 1)]
    lake.append("tracklets", rows_to_table("tracklets", again))
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in again]))
    labelled = fill_lake(tmp_path / "labelled", 100, ["labelled"] * 2)
    return Places(tmp_path / "lake", labelled, (held_out,), tmp_path / "out")


def test_each_version_is_a_curve_on_the_same_videos(places: Places) -> None:
    page = study_on(CONFIG, places, 1, "make test").read_text()
    lake = Lake(places.lake)
    scores = [
        row for row in lake.read("scores").to_pylist() if row["variant"] == "semi" and row["sequence"] == "*macro"
    ]
    runs = {row["run_id"]: json.loads(row["config"]) for row in lake.read("runs").to_pylist() if row["kind"] == "train"}
    by_series = {
        series: {(row["hours"], row["run_id"]) for row in scores if row["study"] == series}
        for series in ("unit/steps/labels-k1", "unit/steps/labels-k2")
    }
    first, second = by_series.values()
    assert [len(found) for found in (first, second)] == [3, 3]
    assert {run for hours, run in first if hours == 0} == {run for hours, run in second if hours == 0}
    assert len(list((places.out / "models").glob("*/model.pt"))) == len(runs) == 1 + 2 + 2
    assert max(hours for hours, _ in first) == pytest.approx(SOURCES * 30 / 25 / 3600)
    assert max(hours for hours, _ in second) == pytest.approx((SOURCES - 1) * 24 / 25 / 3600)
    assert {runs[run]["labels"] for hours, run in second if hours > 0} == {"k2"}
    beside = {
        row["study"] for row in lake.read("scores").to_pylist() if row["variant"] in ("ridge", "no_film_best_step")
    }
    assert beside == {"unit/steps/labels-k1"}
    assert "Label versions compared" in page
    assert "unit/steps/labels-k2" in page

    models = {path: path.stat().st_mtime_ns for path in (places.out / "models").glob("*/model.pt")}
    study_on(CONFIG, places, 1, "make test")
    assert models == {path: path.stat().st_mtime_ns for path in (places.out / "models").glob("*/model.pt")}
    with pytest.raises(StudyConfigError, match=r"was begun with labels \['k1', 'k2'\], now it is \['k2'\]"):
        study_on(replace(CONFIG, labels=("k2",)), places, 1, "make test")


def test_every_version_has_the_same_videos_at_every_size(places: Places) -> None:
    config = with_versions(CONFIG, Lake(places.lake))
    context = begin(config, places, "make test", score_test=False)
    rows = {row["tracklet_id"]: row for row in Lake(places.lake).read("tracklets").to_pylist()}
    base = train_config(config.train)
    train = replace(base, data=replace(base.data, phi_name="keypoints"))
    for share in (0.5, 1.0):
        for seed in range(5):
            cells = [Cell("semi", share, seed, train, labels=labels) for labels in config.labels]
            found = [[rows[one] for one in cell_data(cell, context).tracklet_ids] for cell in cells]
            videos = [{row["source_id"] for row in part} for part in found]
            assert [{row["label_key"] for row in part} for part in found] == [{"k1"}, {"k2"}]
            assert videos[1] == videos[0] - {source_name(SOURCES - 1)}
            assert cells[0].run_id(context) != cells[1].run_id(context)


def test_versions_are_named_before_anything_is_trained(places: Places) -> None:
    lake = Lake(places.lake)
    assert with_versions(replace(CONFIG, labels=("all",)), lake).labels == ("k1", "k2")
    assert with_versions(replace(CONFIG, labels=()), lake).labels == ()
    with pytest.raises(StudyConfigError, match=r"labels: .* has no labels 'k3'; there are: k1 .*; k2"):
        study_on(replace(CONFIG, labels=("k1", "k3")), places, 1, "make test")
    assert lake.version("scores") == -1
    assert not (places.out / "unit.json").exists()


def test_parts_are_ranked_on_the_first_version(places: Places) -> None:
    rank_parts(CONFIG, places, "tag", 1, "make test")
    told: list[dict[str, Any]] = Lake(places.lake).read("runs").to_pylist()
    whole = max(json.loads(row["config"]).get("hours", 0.0) for row in told)
    assert whole == pytest.approx(SOURCES * 30 / 25 / 3600)
