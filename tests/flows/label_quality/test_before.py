"""Labels of an earlier checkout beside today's."""

from pathlib import Path

import pytest

from evaluation.label_quality.table import with_before
from flows.label_quality.before import labels_before
from flows.label_quality.films import make_known_films
from flows.label_quality.labels import LabelShelf
from harvest.config import HarvestConfig
from harvest.registry import make_backend
from harvest.weights import files as weights
from openworld.worlds import SplitConfig, WorldConfig


def test_a_checkout_labels_as_its_own_code_does(tmp_path: Path) -> None:
    weights.fetch()
    world = WorldConfig(splits=(SplitConfig("short", 1, seconds=(1.2, 1.2)),), processes=1)
    films = make_known_films(world, tmp_path / "films")
    config = HarvestConfig()
    ours = LabelShelf(tmp_path, make_backend(config)).labels(films[0].path, config.label)
    (theirs,) = labels_before(Path(__file__).parents[3], films, tmp_path)
    assert theirs.starts == ours.starts
    assert len(theirs.tracks) == len(ours.tracks) == 1
    for a, b in zip(theirs.tracks, ours.tracks, strict=True):
        assert (a.joints_TJ3 == b.joints_TJ3).all()
        assert (a.frames_T == b.frames_T).all()


def test_another_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkout"):
        labels_before(tmp_path, [], tmp_path)


def test_earlier_values_stand_before_todays() -> None:
    now: dict[str, dict[str, float | int | str | None]] = {"four": {"films": 2, "missed": 0.3}, "one": {"missed": 0.1}}
    before: dict[str, dict[str, float | int | str | None]] = {"four": {"films": 2, "missed": 0.4}}
    assert with_before(now, before) == {
        "four": {"films": 2, "missed before": 0.4, "missed": 0.3}, "one": {"missed": 0.1},
    }  # fmt: skip
