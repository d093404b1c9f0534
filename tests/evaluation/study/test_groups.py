from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25
from evaluation.study.groups import by_confidence, by_length, by_tag, by_view, cut, view_of
from evaluation.study.parts import Worth, next_sources
from evaluation.study.steps import Interval
from storage.example_rows import source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table


def person(left_x: float) -> np.ndarray:
    """One frame with a torso 100 px long and the left shoulder at left_x, the right one opposite."""
    keypoints = np.zeros((1, 25, 3))
    places = {
        "left_shoulder": (left_x, 0),
        "right_shoulder": (-left_x, 0),
        "left_hip": (5, 100),
        "right_hip": (-5, 100),
    }
    for name, place in places.items():
        keypoints[0, KEYPOINTS_25.index(name)] = (*place, 0.9)
    return keypoints


@pytest.mark.parametrize(("left_x", "view"), [(30, "front"), (-30, "back"), (5, "side"), (-12, "side")])
def test_the_side_that_is_seen(left_x: float, view: str) -> None:
    assert view_of(person(left_x)) == view


def test_a_hidden_torso_has_no_side() -> None:
    hidden = person(30)
    hidden[..., 2] = 0
    assert view_of(hidden) == "unknown"
    assert by_view([{"tracklet_id": "t", "keypoints": person(30).reshape(1, 75)}]) == {"front": ["t"]}


def test_equal_parts_by_rank() -> None:
    rows = [{"tracklet_id": f"t{i:02d}", "mean_score": 0.5, "n_frames": 100 - i, "tags": []} for i in range(20)]
    assert [len(ids) for ids in by_confidence(rows).values()] == [2] * 10
    assert next(iter(by_confidence(rows))) == "confidence 01 of 10"
    assert by_length(rows)["length 1 of 3"][0] == "t19"
    assert by_length(rows[:2]).keys() == {"length 1 of 2", "length 2 of 2"}
    assert by_tag([{"tracklet_id": "t", "tags": ["run", "x"]}, {"tracklet_id": "u", "tags": []}]) == {
        "run": ["t"], "untagged": ["u"],
    }  # fmt: skip


def test_a_lake_is_cut_without_losing_a_tracklet(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    rows = [tracklet_row(source_name(i), tags=[["walk"], ["run"]][i % 2]) for i in range(5)]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    wanted = [row["tracklet_id"] for row in rows[:4]]
    for by in ("source", "tag", "confidence", "length", "view"):
        assert sorted(tracklet for ids in cut(lake, wanted, by).values() for tracklet in ids) == sorted(wanted)


def worth_of(group: str, low: float, value: float, high: float) -> Worth:
    spread = Interval(value, low, high)
    return Worth(group, 1.0, spread, spread, None, spread)


def test_the_list_to_harvest_next() -> None:
    ranking = [
        worth_of("dance", 1, 2, 3),
        worth_of("walk", 0.5, 1, 2),
        worth_of("sit", -1, 0.2, 1),
        worth_of("mud", -3, -2, -1),
    ]
    sources = {
        "defaults": {"licence": "open"},
        "sources": [{"url": "a", "tags": ["sit"]}, {"url": "b", "tags": ["mud"]}, "c", {"url": "d", "tags": ["walk"]},
                    {"url": "e", "tags": ["mud", "dance"]}],
    }  # fmt: skip
    found = next_sources(sources, ranking)
    assert found["defaults"] == {"licence": "open"}
    assert [entry if isinstance(entry, str) else entry["url"] for entry in found["sources"]] == ["e", "d", "c", "a"]
