"""The line that a trained model is held against."""

from collections.abc import Callable
from pathlib import Path

from evaluation.protocols.registry import OPEN_V1, SPIN
from flows.evaluate import untrained_means
from storage.lake import Lake
from storage.tables import read_labels3d


def test_the_2d_networks_own_3d_is_scored_raw_and_smoothed(tmp_path: Path, fill_lake: Callable[..., Path]) -> None:
    lake = Lake(fill_lake(tmp_path / "lake", 0, ["dev", "dev"], "blazepose_penultimate", 8))
    labels = read_labels3d(lake, split="dev")
    means = untrained_means(lake, labels, OPEN_V1)
    assert list(means) == ["zero_shot", "zero_shot_smoothed"]
    assert all(set(metrics) == set(OPEN_V1.metrics) for metrics in means.values())
    raw, smoothed = (means[name]["accel_error_mm_frame2"] for name in means)
    assert smoothed < raw / 2
    assert untrained_means(lake, labels, SPIN) == {}
    assert untrained_means(lake, {}, OPEN_V1) == {}
