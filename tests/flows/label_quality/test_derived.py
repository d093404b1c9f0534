"""Films cut off and frozen: pixels and truth go together."""

from pathlib import Path

import numpy as np

from flows.label_quality.derived import make_cut_off, make_frozen, make_panned, make_still
from flows.label_quality.films import KnownFilm, by_kind
from harvest.video.decode import DecodeConfig, Video
from tests.flows.label_quality.conftest import grey_film


def _pictures(path: Path) -> np.ndarray:
    video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 20, max_seconds=60)
    return np.stack([frame.pixels_HW3 for frame in video.frames()])


def test_what_is_cut_off_is_not_visible(film: KnownFilm, tmp_path: Path) -> None:
    below, left, right = make_cut_off([film] * 3, tmp_path / "cut")
    assert _pictures(below.path).shape[1:3] == (120, 320)
    assert _pictures(left.path).shape[1:3] == (240, 160)
    for each, removed in ((below, (0, 0)), (left, (160, 0)), (right, (0, 0))):
        moved = film.truth.joints_PFJ3[..., :2] - each.truth.joints_PFJ3[..., :2]
        assert (moved == removed).all()
        height, width = _pictures(each.path).shape[1:3]
        inside = ((each.truth.joints_PFJ3[..., :2] >= 0) & (each.truth.joints_PFJ3[..., :2] < (width, height))).all(-1)
        assert (inside == (each.truth.joints_PFJ3[..., 2] > 0)).all()
        assert 0 < inside.sum() < inside.size


def test_a_frozen_picture_repeats_its_truth(film: KnownFilm, tmp_path: Path) -> None:
    film.truth.joints_PFJ3[0, :, 0, 0] = np.arange(20)
    (frozen,) = make_frozen([film], tmp_path / "frozen")
    assert frozen.truth.joints_PFJ3[0, :, 0, 0].tolist() == [*range(10), *[10] * 25, *range(10, 20)]
    shades = _pictures(frozen.path).mean(axis=(1, 2, 3))
    assert len(shades) == 45
    assert np.ptp(shades[10:35]) < 1
    assert shades[35] < shades[36] - 5


def test_a_photograph_moves_with_its_truth(film: KnownFilm, tmp_path: Path) -> None:
    (panned,) = make_panned([film], tmp_path / "panned")
    assert _pictures(panned.path).shape == (50, 240, 280, 3)
    x = panned.truth.joints_PFJ3[0, :, 0, 0]
    assert (x[0], x[-1]) == (120, 80)
    assert film.truth.joints_PFJ3[0, :, 0, 0].tolist() == [120] * 20  # the film's own truth is as it was


def test_a_poster_is_one_picture_and_is_made_once(film: KnownFilm, tmp_path: Path) -> None:
    (still,) = make_still([film], tmp_path / "still")
    assert len(_pictures(still.path)) == len(still.truth.shots_F) == 50
    before = still.path.stat().st_mtime_ns
    make_still([film], tmp_path / "still")
    assert still.path.stat().st_mtime_ns == before
    assert list(by_kind([still, film])) == ["one person", still.kind]


def test_a_film_of_the_same_name_that_shows_something_else_is_made_anew(film: KnownFilm, tmp_path: Path) -> None:
    """`hmmr harvest measure` with another seed and the same --out."""
    (before,) = make_still([film], tmp_path / "still")
    grey_film(film.path, [220, 230])
    (after,) = make_still([film], tmp_path / "still")
    assert _pictures(after.path).mean() > _pictures(before.path).mean() + 20
