from collections.abc import Iterator
from pathlib import Path

import decord
import numpy as np
import pytest

from openworld.film import Film
from openworld.truth_file import read_people
from openworld.video import TIMESCALE, FilmWriteError, read_pts, write_mp4

SIZE = (64, 48)


def _pictures(count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for level in np.linspace(30, 220, count):
        yield np.clip(level + rng.normal(0, 2, (48, 64, 3)), 0, 255).astype(np.uint8)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_mp4(_pictures(12), tmp_path / "a.mp4", SIZE, 25, 18)
    reader = decord.VideoReader(str(tmp_path / "a.mp4"))
    brightness = [frame.asnumpy().mean() for frame in reader]
    assert brightness == pytest.approx(np.linspace(30, 220, 12), abs=4)
    pts, time_base = read_pts(tmp_path / "a.mp4")
    assert pts.tolist() == [frame * TIMESCALE // 25 for frame in range(12)]
    assert time_base * TIMESCALE == 1


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_mp4(_pictures(8), tmp_path / name, SIZE, 25, 18)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_interrupted_film_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[np.ndarray]:
        yield from _pictures(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(interrupted(), tmp_path / "a.mp4", SIZE, 25, 18)
    assert list(tmp_path.iterdir()) == []


def test_ffmpegs_complaint_is_passed_on_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(FilmWriteError, match=r"a\.mp4.*\w"):
        write_mp4(_pictures(3), tmp_path / "a.mp4", SIZE, 25, crf=-999)
    assert list(tmp_path.iterdir()) == []


def test_the_truths_pts_are_decords(films: dict[str, Film]) -> None:
    for film in films.values():
        reader = decord.VideoReader(str(film.video))
        seconds = reader.get_frame_timestamp(list(range(len(reader))))[:, 0]
        for row in read_people(film.truth).to_pylist():
            unit = row["time_base_num"] / row["time_base_den"]
            assert np.array(row["pts"]) * unit == pytest.approx(seconds, abs=1e-6)
