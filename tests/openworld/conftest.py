"""A very small open world, made once for all tests of this room."""

from pathlib import Path

import pytest

from openworld.film.batch import make_films
from openworld.film.make import Film
from openworld.scene.figure import Figure, open_figure
from openworld.worlds import SplitConfig, WorldConfig

SMALL = WorldConfig(
    splits=(
        SplitConfig("labelled", 1, family="narrow", camera="lab", seconds=(0.4, 0.5)),
        SplitConfig("unlabelled", 4, crossing=1, cut=1, empty=1, seconds=(1.0, 1.2)),
    ),
    seed=3, width=160, height=120, processes=1,
)  # fmt: skip


@pytest.fixture(scope="session")
def small_world() -> WorldConfig:
    return SMALL


@pytest.fixture(scope="session")
def films_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def films(films_folder: Path) -> dict[str, Film]:
    """Films by id: unlabelled_0000 crosses, 0001 is cut, 0002 is empty, 0003 and labelled_0000 show one person."""
    return {film.film_id: film for film in make_films(SMALL, films_folder)}


@pytest.fixture(scope="session")
def figure() -> Figure:
    return open_figure()
