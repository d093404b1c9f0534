"""Pseudo-labels made worse or perfect: only the labels change, and φ where it is the labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.study.config import StudyConfigError
from flows.study.changed_labels import VIEWS, reprojected, stretches, with_noise, with_true_2d
from harvest.backends.label_noise import NoiseModel
from storage.example_rows import source_name, tracklet_row
from storage.lake import Lake
from storage.snapshot import nested, select
from storage.tables import iter_tracklets, read_labels3d, read_phi

Fill = Callable[..., Path]


@pytest.fixture
def lake(tmp_path: Path, fill_lake: Fill) -> Lake:
    return Lake(fill_lake(tmp_path / "lake", 0, ["unlabelled"] * 3))


def test_noise_grows_by_its_level_and_phi_follows(lake: Lake) -> None:
    ids = [tracklet_row(source_name(i))["tracklet_id"] for i in (0, 2)]
    before = {t.tracklet_id: t for t in iter_tracklets(lake, ids)}
    moved = {}
    for level in (1.0, 3.0):
        noisy = with_noise(lake, ids, "keypoints", level)
        after = {t.tracklet_id: t for t in iter_tracklets(noisy)}
        assert after.keys() == before.keys()
        moved[level] = np.stack([after[i].keypoints - before[i].keypoints for i in ids])
        phi = read_phi(noisy, "keypoints")[ids[0]].reshape(-1, 25, 3)
        corner, side = after[ids[0]].boxes[:, None, :2], np.diff(after[ids[0]].boxes[:, [0, 2]])[:, None]
        np.testing.assert_allclose(phi[..., :2], 2 * (after[ids[0]].keypoints[..., :2] - corner) / side - 1, rtol=2e-3)
        np.testing.assert_array_equal(after[ids[0]].boxes, before[ids[0]].boxes)
    assert not moved[1.0][..., 2].any()
    np.testing.assert_allclose(moved[3.0][..., :2], 3 * moved[1.0][..., :2], atol=2e-3)
    seen = np.stack([np.ptp(before[i].keypoints[..., :2], axis=1).max(-1) for i in ids])
    share = np.std(moved[1.0][..., :2]) / np.median(seen)
    assert share == pytest.approx(NoiseModel().deviation, rel=0.2)


def test_true_2d_takes_the_place_of_the_detected(lake: Lake) -> None:
    ids = select(lake).tracklet_ids
    perfect, truth = with_true_2d(lake, ids, "keypoints"), read_labels3d(lake)
    for tracklet in iter_tracklets(perfect):
        label = truth[tracklet.tracklet_id]
        np.testing.assert_array_equal(tracklet.keypoints[..., :2], label.keypoints_2d[..., :2])
        assert (tracklet.keypoints[..., 2] == 1).all()
    assert select(perfect).digest == select(lake).digest


def test_reprojected_views_are_2d_alone_and_fill_their_boxes(lake: Lake) -> None:
    ids = select(lake).tracklet_ids[:2]
    made = reprojected(lake, ids, seed=1)
    views = list(iter_tracklets(made))
    assert len(views) == 2 * VIEWS == len(read_phi(made, "keypoints"))
    assert not read_labels3d(made), "a view brings 2D alone"
    sides = np.array([np.diff(view.boxes[:, [0, 2]]).mean() for view in views])
    assert sides.min() > 20
    phis = read_phi(made, "keypoints").values()
    inside = [(np.abs(phi.reshape(-1, 25, 3)[..., :2]) < 1.1).mean() for phi in phis]
    assert min(inside) > 0.9
    again, other = reprojected(lake, ids, seed=1), reprojected(lake, ids, seed=2)
    first = views[0].tracklet_id
    np.testing.assert_array_equal(read_phi(again, "keypoints")[first], read_phi(made, "keypoints")[first])
    assert not np.array_equal(read_phi(other, "keypoints")[first], read_phi(made, "keypoints")[first])


def test_stretches_are_the_same_hours_of_more_videos(tmp_path: Path, fill_lake: Fill) -> None:
    lake = Lake(fill_lake(tmp_path / "lake", 0, ["unlabelled"] * 8))
    whole = select(lake)
    long = nested(whole, fraction=0.5, seed=3)
    made = stretches(lake, whole, "keypoints", hours=whole.hours / 2, spread=1.5, seed=3)
    short = select(made)
    assert short.hours == pytest.approx(long.hours) == pytest.approx(whole.hours / 2)
    assert (len(long.sources), len(short.sources)) == (4, 6)
    assert set(long.sources) < set(short.sources), "the order of the videos is that of whole ones"
    before = {tracklet.tracklet_id: tracklet for tracklet in iter_tracklets(lake)}
    starts = set()
    for cut in iter_tracklets(made):
        original = before[cut.tracklet_id]
        start = int(np.flatnonzero(original.frame_index == cut.frame_index[0])[0])
        starts.add(start)
        at = slice(start, start + 20)
        assert len(cut.pts) == 20
        for name in ("frame_index", "pts", "boxes", "keypoints"):
            np.testing.assert_array_equal(getattr(cut, name), getattr(original, name)[at])
        phi = read_phi(lake, "keypoints")[cut.tracklet_id]
        np.testing.assert_array_equal(read_phi(made, "keypoints")[cut.tracklet_id], phi[at])
    assert len(starts) > 1
    again = stretches(lake, whole, "keypoints", hours=whole.hours / 2, spread=1.5, seed=3)
    assert select(again).digest == short.digest
    with pytest.raises(StudyConfigError, match=r"spread 1\.5: the pool has .* take a smaller share"):
        stretches(lake, whole, "keypoints", hours=whole.hours, spread=1.5, seed=3)
