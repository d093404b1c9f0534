"""Pictures come as they are asked for, and no faster."""

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from body.pictures import PictureConfig, Pictures

Clip = Callable[..., Path]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def test_pictures_that_nobody_asked_for_are_not_held(clip: Clip) -> None:
    """decord's reader held up to all 138 MB of this clip once three pictures were asked for."""
    long = clip("long.mp4", "-c:v", "libx264", "-preset", "ultrafast", rate="30", seconds=20, size="320x240")
    before = _resident_mb()
    pictures = iter(Pictures(long, PictureConfig(max_side=1920)))
    first = [next(pictures) for _ in range(3)]
    time.sleep(0.3)
    assert _resident_mb() - before < 12
    assert all(picture.shape == (240, 320, 3) for picture in first)
    assert sum(1 for _ in pictures) == 597


def test_closing_ends_the_decoder(clip: Clip) -> None:
    pictures = Pictures(clip("h264.mp4", "-c:v", "libx264"), PictureConfig(max_side=1920))
    pictures.close()
    pictures.close()
    assert pictures._process.returncode is not None


def test_what_is_no_video_has_no_size(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("nothing")
    pictures = Pictures(text, PictureConfig(max_side=1920))
    assert pictures.size is None
    assert list(pictures) == []
    assert pictures.complaint


def test_equal_to_decord(clip: Clip) -> None:
    import decord

    path = clip("even.mp4", "-c:v", "libx264", "-bf", "2", size="320x240")
    reader = decord.VideoReader(str(path), num_threads=1)
    pictures = list(Pictures(path))
    assert len(pictures) == len(reader)
    for picture in pictures:
        np.testing.assert_array_equal(picture, reader.next().asnumpy())
