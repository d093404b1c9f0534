"""attach_truth on a lake whose tracklets are the truth itself, with a wrong one and a stranger among them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openworld.film.make import Film
from openworld.film.truth import attach_truth
from openworld.film.truth_file import TruthFileError, read_people
from storage.lake import Lake
from storage.tables import read_labels3d, row_views, rows_to_table

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _video(source_id: str, sha256: str) -> dict[str, Any]:
    return {
        "source_id": source_id, "url": None, "host": "local", "uploader": None, "title": None,
        "content_sha256": sha256, "fingerprints": [], "width": 160, "height": 120, "n_frames": 1, "duration_s": 1.0,
        "bytes": 1, "licence": "open", "evidence": "{}", "tags": [], "provenance": "{}", "stage_seconds": "{}",
        "label_key": "k", "committed_at": NOW,
    }  # fmt: skip


def _tracklet(name: str, source_id: str, pts: np.ndarray, keypoints: np.ndarray) -> dict[str, Any]:
    count = len(pts)
    return {
        "tracklet_id": name, "source_id": source_id, "shot_index": 0, "person_index": 0, "fps_num": 25, "fps_den": 1,
        "time_base_num": 1, "time_base_den": 12800, "width": 160, "height": 120,
        "frame_index": np.arange(count, dtype=np.int32), "pts": pts, "observed": np.ones(count, bool),
        "boxes": np.tile(np.float32([0, 0, 100, 100]), (count, 1)), "keypoints": keypoints.reshape(count, 75),
        "n_frames": count, "seconds": count / 25, "mean_score": 1.0, "visible_joints": 25.0,
        "median_diagonal_px": 90.0, "tags": [], "backend": "truth", "preset": "default", "licence": "open",
        "label_key": "k", "committed_at": NOW,
    }  # fmt: skip


@pytest.fixture
def lake(films: dict[str, Film], tmp_path: Path) -> Lake:
    """Two people who cross, each followed for some frames; a tracklet of furniture; a video that is no film."""
    film = films["unlabelled_0000"]
    people = list(row_views(read_people(film.truth)))
    noise = np.random.default_rng(0).normal(0, 1, (1000, 25, 2))
    tracklets = []
    for number, person in enumerate(people):
        points = person["keypoints_2d"].reshape(-1, 25, 3)[3:].copy()
        points[..., :2] += noise[: len(points)]
        points[..., 2] = 0.9
        tracklets.append(_tracklet(f"person{number}", "film", person["pts"][3:], points))
    tracklets.append(_tracklet("furniture", "film", people[0]["pts"], np.ones((len(people[0]["pts"]), 25, 3)) * 5))
    tracklets.append(_tracklet("stranger", "other", people[0]["pts"][3:], points))
    lake = Lake(tmp_path / "lake")
    lake.append("videos", rows_to_table("videos", [_video("film", film.facts.video_sha256), _video("other", "0" * 64)]))
    lake.append("tracklets", rows_to_table("tracklets", tracklets))
    return lake


def test_each_tracklet_gets_the_truth_of_its_person(lake: Lake, films: dict[str, Film], films_folder: Path) -> None:
    assert attach_truth(lake, films_folder) == 2
    labels = read_labels3d(lake)
    assert sorted(labels) == ["person0", "person1"]
    for number, person in enumerate(row_views(read_people(films["unlabelled_0000"].truth))):
        label = labels[f"person{number}"]
        assert (label.truth_id, label.split, label.body) == (f"unlabelled_0000:{number}", "unlabelled", "open24")
        assert label.valid.all()
        assert np.array_equal(label.keypoints_3d, person["keypoints_3d"].reshape(-1, 25, 3)[3:])
        assert label.rotations is not None
        assert np.array_equal(label.rotations.reshape(-1, 216), person["rotations"].reshape(-1, 216)[3:])


def test_a_film_that_was_scaled_down_gives_labels_in_the_tracklets_pixels(
    films: dict[str, Film], films_folder: Path, tmp_path: Path
) -> None:
    film = films["unlabelled_0000"]
    person = next(iter(row_views(read_people(film.truth))))
    small = person["keypoints_2d"].reshape(-1, 25, 3) * np.float32([0.5, 0.5, 1])
    lake = Lake(tmp_path / "lake")
    lake.append("videos", rows_to_table("videos", [_video("film", film.facts.video_sha256)]))
    tracklet = _tracklet("small", "film", person["pts"], small) | {"width": 80, "height": 60}
    lake.append("tracklets", rows_to_table("tracklets", [tracklet]))
    assert attach_truth(lake, films_folder) == 1
    label = read_labels3d(lake)["small"]
    assert label.truth_id == "unlabelled_0000:0"
    assert label.keypoints_2d == pytest.approx(small, abs=1e-3)


def test_a_second_time_adds_nothing(lake: Lake, films_folder: Path) -> None:
    attach_truth(lake, films_folder)
    version = lake.version("labels3d")
    assert attach_truth(lake, films_folder) == 0
    assert lake.version("labels3d") == version


def test_a_broken_truth_file_is_named(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "bad.truth.parquet").write_text("no")
    with pytest.raises(TruthFileError, match=r"bad\.truth\.parquet"):
        attach_truth(lake, tmp_path)
