from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from body.model import BodyModel
from hmmr_model.export.lake_people import people_of_lake
from hmmr_model.prediction import Prediction
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table


def standing(tracklet_id: str, frames: int) -> Prediction:
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, 24, 1, 1))
    zeros = np.zeros((frames, 25, 3), np.float32)
    camera = np.tile(np.float32([0.9, 0, 0]), (frames, 1))
    return Prediction(tracklet_id, rotations, np.zeros((frames, 10), np.float32), camera, zeros)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three people of one video: two in its first shot, one in its second."""
    lake = Lake(tmp_path / "lake")
    source = source_name(0)
    box = np.tile(np.float32([10, 20, 110, 120]), (6, 1))
    places = [(1, 0), (0, 1), (0, 0)]
    rows = [
        tracklet_row(source, person, 6, shot_index=shot, boxes=box, label_key=f"k{shot}", time_base_den=1000)
        for shot, person in places
    ]
    lake.append("features", rows_to_table("features", [feature_row(row) for row in rows]))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return lake


def test_people_come_by_shot_and_person_with_the_videos_own_size_and_clock(lake: Lake, body: BodyModel) -> None:
    table = lake.read("tracklets", ["tracklet_id", "shot_index", "person_index"])
    rows = sorted(table.to_pylist(), key=lambda row: (row["shot_index"], row["person_index"]))
    wanted = [row["tracklet_id"] for row in rows]
    people = people_of_lake({name: standing(name, 6) for name in reversed(wanted)}, lake, body)
    assert [person.tracklet_id for person in people] == wanted
    assert (people[0].geometry.width, people[0].geometry.height) == (640, 360)
    assert people[0].geometry.time_base == Fraction(1, 1000)
    np.testing.assert_allclose(people[0].seconds, np.arange(6) * 0.512)


def test_only_what_was_predicted_is_there(lake: Lake, body: BodyModel) -> None:
    name = lake.read("tracklets", ["tracklet_id"]).column(0)[0].as_py()
    assert [person.tracklet_id for person in people_of_lake({name: standing(name, 6)}, lake, body)] == [name]
    assert people_of_lake({}, lake, body) == []
