import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import decord
import numpy as np
import pytest

from body.ffmpeg import VideoWriteError, start_decoder, without_network, write_mp4


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


def test_a_decoder_has_no_network(absent: Callable[[str], None], tmp_path: Path) -> None:
    if not without_network():
        absent("no unshare, or no user namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        assert subprocess.run([sys.executable, "-c", reach]).returncode == 0, "the server does not answer"
        with (tmp_path / "complaints").open("wb") as complaints:
            process = start_decoder([sys.executable, "-c", reach], cpu_s=20, complaints=complaints)
            assert process.wait(60) == 1
    assert "OSError" in (tmp_path / "complaints").read_text()
