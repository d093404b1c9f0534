"""A film of flat pictures whose truth is made up: the tests here are about frames and pixels, not people."""

from pathlib import Path

import numpy as np
import pytest

from body.ffmpeg import write_mp4
from evaluation.label_quality.people import Truth
from flows.label_quality.films import KnownFilm

FRAMES, WIDTH, HEIGHT = 20, 320, 240


def grey_film(path: Path, shades: list[int], frames: int = FRAMES) -> Path:
    """Each frame of one grey, the next shade after `frames` / len(shades) frames."""
    pictures = (
        np.full((HEIGHT, WIDTH, 3), shades[n * len(shades) // frames], np.uint8) for n in range(frames)
    )  # fmt: skip
    return write_mp4(pictures, path, 25, 18)


@pytest.fixture
def film(tmp_path: Path) -> KnownFilm:
    """Twenty frames that grow brighter; one person in the middle whose joints lie on a grid."""
    path = grey_film(tmp_path / "film.mp4", list(range(40, 240, 10)))
    x, y = np.meshgrid(np.linspace(120, 200, 5), np.linspace(60, 180, 5))
    joints = np.stack([x.ravel(), y.ravel(), np.ones(25)], axis=-1)
    truth = Truth(np.tile(joints, (1, FRAMES, 1, 1)), np.ones((1, FRAMES), bool), np.zeros(FRAMES, np.int64))
    return KnownFilm(path, "one person", truth)
