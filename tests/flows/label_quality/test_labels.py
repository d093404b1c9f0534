"""The real labeller on a real film of the open world, with the backend that knows; answers are kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.label_quality.errors import error_row, film_row
from evaluation.label_quality.matching import judge
from flows.label_quality.films import KnownFilm, read_film
from flows.label_quality.filter_presets import EVERYTHING, filters
from flows.label_quality.labels import LabelShelf
from flows.label_quality.mirrored import MirroringBackend
from harvest.backends.label_noise import NO_NOISE
from harvest.backends.truth import TruthBackend, TruthConfig
from harvest.config import LabelConfig
from openworld.film.batch import make_films
from openworld.worlds import SplitConfig, WorldConfig


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> KnownFilm:
    """One person, a second and a half, small."""
    out = tmp_path_factory.mktemp("films")
    world = WorldConfig((SplitConfig("tiny", 1, seconds=(1.4, 1.4)),), width=160, height=120, samples=1, processes=1)
    return read_film(make_films(world, out)[0].video)


def test_perfect_labels_have_no_error_and_are_kept(film: KnownFilm, tmp_path: Path) -> None:
    backend = TruthBackend(TruthConfig(film.path.parent, NO_NOISE))
    shelf = LabelShelf(tmp_path, backend)
    labelled = shelf.labels(film.path, LabelConfig())
    row = film_row([judge(film.truth, labelled)])
    assert row["median"] == pytest.approx(0, abs=1e-6)
    assert (row["false people"], row["identity changes"], row["person-frames"]) == (0, 0, len(film.truth.shots_F))
    assert labelled.starts[0] == 0
    (kept,) = (tmp_path / "labels").iterdir()
    before = kept.stat().st_mtime_ns
    again = shelf.labels(film.path, LabelConfig())
    assert kept.stat().st_mtime_ns == before
    assert np.array_equal(again.tracks[0].joints_TJ3, labelled.tracks[0].joints_TJ3)
    shelf.labels(film.path, replace(LabelConfig(), preset=EVERYTHING))
    assert len(list((tmp_path / "labels").iterdir())) == 2


def test_exchange_on_purpose_is_seen_and_repaired(film: KnownFilm, tmp_path: Path) -> None:
    backend = MirroringBackend(TruthBackend(TruthConfig(film.path.parent, NO_NOISE)), 0.3)
    shelf = LabelShelf(tmp_path, backend)
    rows = {}
    for name, config in {"as is": replace(LabelConfig(), sides=None), "repaired": LabelConfig()}.items():
        rows[name] = error_row([judge(film.truth, shelf.labels(film.path, config))])
    assert rows["as is"]["mean"] > rows["repaired"]["mean"]
    assert rows["as is"]["mean"] > 0.01


def test_a_video_without_people_has_no_track(film: KnownFilm, tmp_path: Path) -> None:
    strict = replace(EVERYTHING, name="nothing", min_frames=10_000)
    shelf = LabelShelf(tmp_path, TruthBackend(TruthConfig(film.path.parent)))
    assert shelf.labels(film.path, replace(LabelConfig(), preset=strict)).tracks == []


def test_each_filter_alone_differs_from_none() -> None:
    presets = filters()
    assert len({repr(replace(preset, name="")) for preset in [EVERYTHING, *presets.values()]}) == len(presets) + 1
