"""The real athlete who leans far over: followed in turned crops, left stays left."""

from pathlib import Path

import pytest

from flows.label_quality.labels import LabelShelf
from flows.label_quality.real_video import athlete_row, athlete_truth
from harvest.config import HarvestConfig
from harvest.registry import make_backend
from harvest.weights import files as weights


@pytest.mark.slow
def test_sides_of_the_athlete(shared_data: Path, tmp_path: Path) -> None:
    weights.fetch()
    folder, config = shared_data / "real_video", HarvestConfig()
    shelf = LabelShelf(tmp_path, make_backend(config))
    row = athlete_row(athlete_truth(folder), folder, shelf, config.label)
    assert row["frames"] >= 41  # of 42: in one frame of the leap the pose is off by more than a match allows
    assert row["arms, legs or all exchanged"] == 0
    assert isinstance(row["mean"], float)
    assert row["mean"] < 0.025
