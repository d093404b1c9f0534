"""Rows, tables and arrays say the same thing."""

from pathlib import Path

import numpy as np
import pytest

from storage.errors import SchemaMismatch
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import iter_tracklets, read_labels3d, read_phi, read_zero_shot, row_views, rows_to_table
from storage.windows import scan


def label_row(tracklet_id: str, split: str, with_body: bool) -> dict[str, object]:
    random = np.random.default_rng(len(tracklet_id))
    rotations = random.normal(size=(4, 24, 3, 3)).astype(np.float32)
    return {
        "tracklet_id": tracklet_id, "source_id": "s", "truth_id": f"film/{tracklet_id}", "split": split,
        "body": "open24" if with_body else "", "valid": np.array([True, False, True, True]),
        "keypoints_3d": random.normal(size=(4, 75)).astype(np.float32),
        "keypoints_2d": random.normal(size=(4, 75)).astype(np.float32),
        "rotations": rotations if with_body else None,
        "betas": np.arange(10, dtype=np.float32) if with_body else None,
        "translation": np.ones((4, 3), np.float32) if with_body else None,
    }  # fmt: skip


def test_tracklets_come_back_as_the_arrays_that_went_in(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [tracklet_row(source_name(i), frames=20 + i) for i in range(5)]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    by_id = {row["tracklet_id"]: row for row in rows}
    seen = list(iter_tracklets(lake))
    assert [one.tracklet_id for one in seen] == sorted(by_id)
    for one in seen:
        row = by_id[one.tracklet_id]
        assert one.keypoints.shape == (row["n_frames"], 25, 3)
        np.testing.assert_array_equal(one.keypoints.reshape(-1, 75), row["keypoints"])
        np.testing.assert_array_equal(one.boxes, row["boxes"])
        np.testing.assert_array_equal(one.pts, row["pts"])
        assert one.observed.dtype == bool
        assert one.fps == 25.0
    assert [one.tracklet_id for one in iter_tracklets(lake, [rows[3]["tracklet_id"]])] == [rows[3]["tracklet_id"]]


def test_phi_and_zero_shot_by_tracklet(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    row = tracklet_row(source_name(1), frames=7)
    feature = feature_row(row, dim=5)
    lake.append("tracklets", rows_to_table("tracklets", [row]))
    lake.append("features", rows_to_table("features", [feature, {**feature, "phi_name": "b", "zero_shot_3d": None}]))
    phi = read_phi(lake, "keypoints")[row["tracklet_id"]]
    assert phi.shape == (7, 5)
    assert phi.dtype == np.float16
    assert phi.tobytes() == feature["phi"]
    assert read_phi(lake, "other") == {}
    zero = read_zero_shot(lake)[row["tracklet_id"]]
    np.testing.assert_array_equal(zero.reshape(-1, 75), feature["zero_shot_3d"])


def test_phis_side_by_side(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [tracklet_row(source_name(i), frames=7) for i in range(2)]
    features = [feature_row(rows[0], dim=5), {**feature_row(rows[0], dim=3), "phi_name": "b", "zero_shot_3d": None}]
    features.append({**feature_row(rows[1], dim=3), "phi_name": "b", "zero_shot_3d": None})
    said = np.array(features[0]["zero_shot_3d"], np.float32)
    said[:, 6] = np.nan
    features[0]["zero_shot_3d"] = said
    lake.append("tracklets", rows_to_table("tracklets", rows))
    lake.append("features", rows_to_table("features", features))
    joined = read_phi(lake, "b+zero_shot+keypoints")
    first = rows[0]["tracklet_id"]
    assert list(joined) == [first]
    zero = np.nan_to_num(said).astype(np.float16)
    parts = [read_phi(lake, "b")[first], zero, read_phi(lake, "keypoints")[first]]
    np.testing.assert_array_equal(joined[first], np.concatenate(parts, axis=1))


def test_the_turn_of_a_crop_is_a_phi_of_one_number(tmp_path: Path) -> None:
    lake, row = Lake(tmp_path), tracklet_row(source_name(0), frames=7)
    turn = np.linspace(-3, 3, 7).astype(np.float32)
    upright = feature_row(row, dim=5)
    turned = {**feature_row(row, dim=3), "phi_name": "turned", "turn": turn}
    turned["zero_shot_3d"] = np.asarray(turned["zero_shot_3d"]) + 1
    lake.append("tracklets", rows_to_table("tracklets", [row]))
    lake.append("features", rows_to_table("features", [turned, upright]))
    name = row["tracklet_id"]
    expected = np.concatenate([read_phi(lake, "turned")[name], turn.astype(np.float16)[:, None]], axis=1)
    np.testing.assert_array_equal(read_phi(lake, "turned+turn")[name], expected)
    ((tracklet, scanned),) = scan(lake, "turned+turn")
    assert tracklet.tracklet_id == name
    np.testing.assert_array_equal(scanned, expected)
    assert list(scan(lake, "keypoints+turn"))
    own = {phi: read_zero_shot(lake, phi_name=phi)[name].reshape(-1, 75) for phi in ("turned", "keypoints")}
    np.testing.assert_array_equal(own["turned"], turned["zero_shot_3d"])
    np.testing.assert_array_equal(own["keypoints"], upright["zero_shot_3d"])


def test_a_tracklet_with_upright_crops_alone_is_read_as_turned_by_zero(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), [tracklet_row(source_name(i), frames=7) for i in range(3)]
    upright = [{**feature_row(row, dim=3), "phi_name": "blazepose_penultimate"} for row in rows[:2]]
    turn = np.linspace(-3, 3, 7).astype(np.float32)
    turned = [{**feature_row(row, dim=3), "phi_name": "blazepose_turned", "turn": turn} for row in rows[1:]]
    lake.append("tracklets", rows_to_table("tracklets", rows))
    lake.append("features", rows_to_table("features", upright + turned))
    read = read_phi(lake, "blazepose_turned+turn")
    turns = {row["tracklet_id"]: expected for row, expected in zip(rows, (0 * turn, turn, turn), strict=True)}
    assert read.keys() == turns.keys()
    for name, expected in turns.items():
        np.testing.assert_array_equal(read[name][:, -1], expected.astype(np.float16))
    scanned = {track.tracklet_id: phi for track, phi in scan(lake, "blazepose_turned+turn")}
    assert scanned.keys() == read.keys()
    for name, phi in scanned.items():
        np.testing.assert_array_equal(phi, read[name])


def test_labels_with_and_without_a_body(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    tracklets = [tracklet_row(source_name(i), frames=4) for i in range(2)]
    lake.append("tracklets", rows_to_table("tracklets", tracklets))
    ids = [row["tracklet_id"] for row in tracklets]
    rows = [label_row(ids[0], "labelled", True), label_row(ids[1], "dev", False)]
    lake.append("labels3d", rows_to_table("labels3d", rows))
    labels = read_labels3d(lake)
    assert labels[ids[0]].rotations is not None
    np.testing.assert_array_equal(labels[ids[0]].rotations, rows[0]["rotations"])
    assert labels[ids[1]].rotations is None
    assert labels[ids[1]].betas is None
    assert labels[ids[0]].valid.tolist() == [True, False, True, True]
    assert set(read_labels3d(lake, split="dev")) == {ids[1]}
    assert set(read_labels3d(lake, ids=[ids[0]])) == {ids[0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.zeros((30, 5), np.float32)}, "tracklets.boxes: row 1"),
        ({"keypoints": np.zeros((29, 75), np.float32)}, "tracklets.keypoints: row 1"),
        ({"pts": list(range(31))}, "tracklets.pts: row 1"),
        ({"source_id": None}, "tracklets.source_id: row 1 is null"),
        ({"width": "wide"}, "tracklets.width"),
        ({"widht": 3}, "no column widht"),
        ({"boxes": [[1.0, 2.0, 3.0]] * 30}, "tracklets.boxes: row 1"),
    ],
)
def test_a_row_that_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaMismatch, match=message):
        rows_to_table("tracklets", [tracklet_row(source_name(0)), {**tracklet_row(source_name(1)), **change}])


def test_phi_must_be_whole_rows() -> None:
    row = feature_row(tracklet_row(source_name(0)))
    with pytest.raises(SchemaMismatch, match=r"features\.phi: row 0"):
        rows_to_table("features", [{**row, "phi": row["phi"][:-1]}])


def test_views_keep_slices_and_nulls_apart() -> None:
    rows = [label_row(str(i), "dev", i % 2 == 0) for i in range(6)]
    table = rows_to_table("labels3d", rows).slice(1, 4)
    views = list(row_views(table))
    assert [view["rotations"] is None for view in views] == [True, False, True, False]
    np.testing.assert_array_equal(views[1]["rotations"].reshape(4, 24, 3, 3), rows[2]["rotations"])


def test_the_own_3d_is_that_of_the_phi_that_is_asked_for(tmp_path: Path) -> None:
    """Whatever the order of the rows in the table: the last one was taken once."""
    row = tracklet_row(source_name(1), frames=7)
    names = ("blazepose_turned", "blazepose_penultimate", "another")
    features = {
        name: {**feature_row(row, dim=5, phi_name=name), "zero_shot_3d": np.full((7, 75), i, np.float32)}
        for i, name in enumerate(names)
    }
    plain = {**feature_row(row, dim=3), "phi_name": "keypoints", "zero_shot_3d": None}
    first = row["tracklet_id"]
    for number, order in enumerate((names, names[::-1])):
        lake = Lake(tmp_path / str(number))
        lake.append("tracklets", rows_to_table("tracklets", [row]))
        lake.append("features", rows_to_table("features", [*(features[name] for name in order), plain]))
        for name in names:
            own = features[name]["zero_shot_3d"]
            np.testing.assert_array_equal(read_zero_shot(lake, phi_name=f"keypoints+{name}")[first].reshape(7, 75), own)
            beside = read_phi(lake, f"{name}+zero_shot")[first][:, 5:]
            np.testing.assert_array_equal(beside, np.asarray(own, np.float16))
            ((_, streamed),) = scan(lake, f"{name}+zero_shot")
            np.testing.assert_array_equal(streamed[:, 5:], beside)
        for unnamed in (None, "keypoints"):
            own = features["blazepose_penultimate"]["zero_shot_3d"]
            np.testing.assert_array_equal(read_zero_shot(lake, phi_name=unnamed)[first].reshape(7, 75), own)
        ((_, streamed),) = scan(lake, "keypoints+zero_shot")
        np.testing.assert_array_equal(streamed[:, 3:], np.asarray(own, np.float16))
