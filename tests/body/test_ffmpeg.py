from collections.abc import Iterator
from pathlib import Path

import decord
import numpy as np
import pytest

from body.ffmpeg import VideoWriteError, write_mp4


def _pictures(count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for level in np.linspace(30, 220, count):
        yield np.clip(level + rng.normal(0, 2, (48, 64, 3)), 0, 255).astype(np.uint8)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_mp4(_pictures(12), tmp_path / "a.mp4", 25)
    brightness = [frame.asnumpy().mean() for frame in decord.VideoReader(str(tmp_path / "a.mp4"))]
    assert brightness == pytest.approx(np.linspace(30, 220, 12), abs=4)


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_mp4(_pictures(8), tmp_path / name, 25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_interrupted_film_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[np.ndarray]:
        yield from _pictures(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(interrupted(), tmp_path / "a.mp4", 25)
    assert list(tmp_path.iterdir()) == []


def test_ffmpegs_complaint_is_passed_on_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(VideoWriteError, match=r"a\.mp4.*\w"):
        write_mp4(_pictures(3), tmp_path / "a.mp4", 25, crf=-999)
    with pytest.raises(VideoWriteError, match="no picture"):
        write_mp4(iter([]), tmp_path / "a.mp4", 25)
    assert list(tmp_path.iterdir()) == []
