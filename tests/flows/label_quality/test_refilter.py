"""Filters on labels without filters give what the labeller itself keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.label_quality.filter_presets import EVERYTHING, filters
from flows.label_quality.labels import LabelShelf
from flows.label_quality.refilter import Changes, refiltered
from harvest.backends.truth import TruthBackend, TruthConfig
from harvest.config import LabelConfig
from openworld.film.batch import make_films
from openworld.worlds import SplitConfig, WorldConfig


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelShelf, list[Path]]:
    """A film of four who cross, and one of two shots; noisy labels."""
    out = tmp_path_factory.mktemp("films")
    split = SplitConfig("tiny", 2, cut=1, four=1, seconds=(1.4, 1.4))
    films = make_films(WorldConfig((split,), width=160, height=120, samples=1, processes=1), out)
    return LabelShelf(out, TruthBackend(TruthConfig(out))), [film.video for film in films]


@pytest.mark.parametrize("name", ["preset strict", "preset hmmr_2019", "two people in one place"])
def test_as_the_labeller_filters(shelf: tuple[LabelShelf, list[Path]], name: str) -> None:
    labels, films = shelf
    preset, changes = filters()[name], Changes()
    unfiltered = replace(LabelConfig(), preset=EVERYTHING)
    dropped = 0
    for film in films:
        everything = labels.labels(film, unfiltered)
        ours = refiltered(everything, preset, *changes.of(film))
        theirs = labels.labels(film, replace(LabelConfig(), preset=preset))
        assert len(ours.tracks) == len(theirs.tracks)
        for a, b in zip(ours.tracks, theirs.tracks, strict=True):
            assert (a.shot, a.person, a.frames_T.tolist()) == (b.shot, b.person, b.frames_T.tolist())
            assert np.array_equal(a.joints_TJ3, b.joints_TJ3)
        dropped += sum(len(t.frames_T) for t in everything.tracks) - sum(len(t.frames_T) for t in ours.tracks)
    assert dropped > 0
