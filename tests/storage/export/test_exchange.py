"""Snapshots in others' formats, and others' tracks in ours."""

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

from body.joints import KEYPOINTS_25
from storage.atomic import file_sha256
from storage.errors import LakeError
from storage.example_rows import shard, source_name, video_row
from storage.export.dataset import export_dataset
from storage.export.humandata import HUMAN_DATA_INDEX, export_humandata
from storage.export.import_instavariety import NAMES, import_instavariety
from storage.export.verify import verify_dataset
from storage.export.vibe import export_vibe
from storage.lake import Lake
from storage.rewrite import delete_rows
from storage.snapshot import Snapshot, freeze, nested, save
from storage.tables import iter_tracklets, read_phi, rows_to_table


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    for name, table in shard([source_name(i) for i in range(3)]).items():
        lake.append(name, table)
    return lake


@pytest.fixture
def part(lake: Lake) -> Snapshot:
    snapshot = nested(freeze(lake), fraction=2 / 3)
    save(lake, snapshot)
    return snapshot


def test_an_exported_dataset_is_whole_and_says_so(lake: Lake, part: Snapshot, tmp_path: Path) -> None:
    for name in ("videos", "rejects", "shots"):  # of an older label version: not this dataset's
        lake.append(name, shard(list(part.sources), label_key="k0")[name])
    out = export_dataset(lake, part, tmp_path / "out", joints=KEYPOINTS_25)
    assert verify_dataset(out) == []
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=out, check=True)
    assert sorted(pd.read_parquet(out / "data" / "tracklets")["tracklet_id"]) == list(part.tracklet_ids)
    info = json.loads((out / "info.json").read_text())
    counts = {"tracklets": 4, "features": 4, "labels3d": 0, "pseudo3d": 0, "videos": 2, "shots": 2, "rejects": 2}
    assert info["rows"] == counts
    assert info["joints"] == list(KEYPOINTS_25)
    with (out / "ATTRIBUTION.csv").open() as file:
        assert {row["source_id"] for row in csv.DictReader(file)} == set(part.sources)
    sheet = (out / "DATASHEET.md").read_text()
    assert "4 tracklets" in sheet
    assert "| too_short | 2 |" in sheet
    assert "| films.test | 4 |" in sheet
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("harm", ["change", "remove", "add", "swap", "manifest"])
def test_verify_finds_every_harm(lake: Lake, part: Snapshot, tmp_path: Path, harm: str) -> None:
    out = export_dataset(lake, part, tmp_path / "out")
    victim = next((out / "data" / "tracklets").glob("*.parquet"))
    if harm == "change":
        victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    elif harm == "remove":
        victim.unlink()
    elif harm == "add":
        (out / "extra.txt").write_text("x")
    elif harm == "swap":
        other = export_dataset(lake, freeze(lake), tmp_path / "other")
        shutil.copy(other / "info.json", out / "info.json")
    else:
        (out / "manifest.sha256").write_text("../../etc/passwd\n")
    assert verify_dataset(out)


def test_verify_checks_rows_even_when_the_manifest_agrees(lake: Lake, part: Snapshot, tmp_path: Path) -> None:
    out = export_dataset(lake, part, tmp_path / "out")
    info = json.loads((out / "info.json").read_text())
    info["digest"] = "0" * 64
    info["rows"]["features"] = 9
    (out / "info.json").write_text(json.dumps(info))
    sums = subprocess.run(["sha256sum", "info.json"], cwd=out, check=True, capture_output=True, text=True).stdout
    manifest = (out / "manifest.sha256").read_text().splitlines()
    (out / "manifest.sha256").write_text(
        "\n".join([x for x in manifest if "info.json" not in x] + [sums.strip()]) + "\n"
    )
    assert verify_dataset(out) == [
        "features: 4 rows, info.json says 9",
        "the tracklets' ids do not hash to the snapshot's digest",
    ]


@pytest.mark.parametrize("change", [{"rows": None}, {"rows": {"tracklets": "many"}}, {"digest": 7}])
def test_verify_names_a_head_that_does_not_tell(
    lake: Lake, part: Snapshot, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = export_dataset(lake, part, tmp_path / "out")
    head = out / "info.json"
    before = file_sha256(head)
    head.write_text(json.dumps(json.loads(head.read_text()) | change))
    manifest = out / "manifest.sha256"
    manifest.write_text(manifest.read_text().replace(before, file_sha256(head)))
    (problem,) = verify_dataset(out)
    assert "info.json does not say its rows and digest" in problem
    head.write_text("[" * 100_000)
    assert "not an exported dataset" in verify_dataset(out)[0]


def test_an_export_is_whole_or_not_there(lake: Lake, part: Snapshot, tmp_path: Path) -> None:
    delete_rows(lake, "tracklets", pc.field("tracklet_id") == part.tracklet_ids[0])
    with pytest.raises(LakeError, match="1 tracklets"):
        export_dataset(lake, part, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]
    (tmp_path / "out").mkdir()
    with pytest.raises(LakeError, match="exists"):
        export_dataset(lake, part, tmp_path / "out")


def test_formulas_in_titles_are_inert(lake: Lake, tmp_path: Path) -> None:
    evil = source_name(7)
    lake.append("videos", rows_to_table("videos", [video_row(evil, title="=cmd|' /C calc'!A0\nx")]))
    lake.append("tracklets", shard([evil])["tracklets"])
    out = export_dataset(lake, freeze(lake), tmp_path / "out")
    with (out / "ATTRIBUTION.csv").open() as file:
        titles = {row["source_id"]: row["title"] for row in csv.DictReader(file)}
    assert titles[evil] == "'=cmd|' /C calc'!A0 x"


def test_vibe_reads_crop_pixels(lake: Lake, part: Snapshot, tmp_path: Path) -> None:
    path = export_vibe(lake, part, tmp_path)
    tracks = list(iter_tracklets(lake, part.tracklet_ids))
    phi = read_phi(lake, "keypoints", part.tracklet_ids)
    with h5py.File(path) as db:
        names = [name.decode("ascii") for name in db["vid_name"]]
        assert names == [t.tracklet_id for t in tracks for _ in t.frame_index]
        np.testing.assert_array_equal(db["features"][:30], phi[tracks[0].tracklet_id].astype(np.float32))
        joints = db["joints2D"][:]
        assert joints.shape == (120, 25, 3)
        assert set(np.unique(joints[..., 2])) <= {0.0, 1.0}
        # Back through VIBE's own geometry: a crop of 224 px around the box.
        for track, start in zip(tracks, range(0, 120, 30), strict=True):
            x0y0, size = track.boxes[:, None, :2], (track.boxes[:, 2:] - track.boxes[:, :2])[:, None]
            back = joints[start : start + 30, :, :2] / 224 * size + x0y0
            np.testing.assert_allclose(back, track.keypoints[..., :2], atol=1e-2)


def test_humandata_loads_without_pickle_and_maps_by_name(lake: Lake, part: Snapshot, tmp_path: Path) -> None:
    path = export_humandata(lake, part, tmp_path)
    tracks = list(iter_tracklets(lake, part.tracklet_ids))
    with np.load(path, allow_pickle=False) as data:
        assert data["keypoints2d"].shape == (120, 190, 3)
        assert data["bbox_xywh"].shape == (120, 5)
        assert int(data["__temporal_len__"]) == 120
        assert list(np.flatnonzero(data["keypoints2d_mask"])) == sorted(HUMAN_DATA_INDEX)
        # Places taken by hand from mmhuman3d's list: 156 right_elbow_openpose, 147 headtop, 153 nose_openpose.
        for place, name in ((156, "right_elbow"), (147, "head_top"), (153, "nose"), (176, "right_small_toe")):
            expected = tracks[0].keypoints[:, KEYPOINTS_25.index(name)]
            np.testing.assert_array_equal(data["keypoints2d"][:30, place], expected)


def _track(folder: Path, first: int, count: int) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(first)
    points = random.uniform(10, 400, (count, 25, 3)).round(2)
    points[..., 2] = random.uniform(0, 1, (count, 25))
    folder.mkdir(parents=True)
    for t in range(count):
        frame: dict[str, Any] = {
            "frame": first + t, "imloc": f"{first + t + 1:06d}.png", "track_id": 3,
            "bbox": {"xmin": 10.0, "ymin": 20.0, "xmax": 110.0, "ymax": 320.0},
            "Hip": {"x": 1.0, "y": 2.0, "logits": 0.5, "probability": None},
        }  # fmt: skip
        for name, (x, y, score) in zip(NAMES, points[t], strict=True):
            if name != "Head":
                frame[name] = {"x": x, "y": y, "logits": score, "probability": None}
        (folder / f"{first + t:06d}.json").write_text(json.dumps(frame))
    return points


def test_instavariety_s_tracks_come_in_once(tmp_path: Path) -> None:
    points = _track(tmp_path / "tracks" / "parkour" / "abc" / "0", first=7, count=5)
    _track(tmp_path / "tracks" / "parkour" / "abc" / "1", first=100, count=4)
    lake = Lake(tmp_path / "lake")
    assert import_instavariety(lake, tmp_path / "tracks") == 2
    assert import_instavariety(lake, tmp_path / "tracks") == 0
    long = next(track for track in iter_tracklets(lake) if len(track.pts) == 5)
    elbow = KEYPOINTS_25.index("right_elbow")
    np.testing.assert_allclose(long.keypoints[:, elbow], points[:, NAMES.index("R Elbow")], rtol=1e-6)
    assert (long.keypoints[:, KEYPOINTS_25.index("head_top")] == 0).all()
    assert long.frame_index.tolist() == [7, 8, 9, 10, 11]
    np.testing.assert_array_equal(long.boxes[0], [-90, 20, 210, 320])
    assert lake.read("videos").num_rows == 1


@pytest.mark.parametrize("harm", ["lacks", "deep", "huge", "nan", "list", "bytes"])
def test_a_file_that_is_no_frame_is_named(tmp_path: Path, harm: str) -> None:
    _track(tmp_path / "tracks" / "tag" / "post" / "0", first=0, count=2)
    place = tmp_path / "tracks" / "tag" / "post" / "0" / "000001.json"
    whole = json.loads(place.read_text())
    harmed = {
        "lacks": '{"frame": 1}', "deep": "[" * 100_000, "huge": json.dumps(whole | {"frame": 10**30}), "list": "[]",
        "nan": json.dumps(whole | {"R Hip": {"x": float("nan"), "y": 1.0, "logits": 1.0}}), "bytes": "\xff",
    }  # fmt: skip
    place.write_bytes(harmed[harm].encode("latin-1"))
    with pytest.raises(LakeError, match=r"000001\.json"):
        import_instavariety(Lake(tmp_path / "lake"), tmp_path / "tracks")
    assert Lake(tmp_path / "lake").version("tracklets") == -1
