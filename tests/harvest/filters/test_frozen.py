"""A picture that stands still: by hand-made changes, and in files that ffmpeg froze."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from body.mp4 import ffmpeg_program
from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.filters.one_person import frozen_frames
from harvest.filters.presets import HMMR_2019
from harvest.label import Labeller
from harvest.sources.expand import expand
from harvest.video.decode import Video
from harvest.video.shots import ShotConfig, split_shots

Paint = Callable[..., np.ndarray]
Film = Callable[..., Path]


def _frozen(*stretches: tuple[float, int]) -> list[int]:
    change = np.concatenate([np.full(length, level) for level, length in stretches])
    return np.flatnonzero(frozen_frames(change, 25.0, 0.5)).tolist()


def test_long_stretches_only() -> None:
    assert _frozen((90, 20), (0, 13), (90, 20)) == list(range(20, 33))
    assert _frozen((90, 20), (0, 12), (90, 20)) == []
    assert _frozen((4, 60)) == []
    assert _frozen((3, 60)) == list(range(60))


def test_a_new_key_frame_does_not_end_it_and_motion_does() -> None:
    assert _frozen((0, 20), (30, 2), (2, 20)) == list(range(42))
    assert _frozen((0, 20), (30, 3), (2, 20)) == [*range(20), *range(23, 43)]


def test_slow_video_in_a_fast_file_is_not_frozen() -> None:
    for repeats in (1, 2, 4):
        assert _frozen(*[(80, 1), (0, repeats)] * 20) == []


@pytest.mark.parametrize("codec", [("-c:v", "libx264", "-crf", "30"), ("-c:v", "mpeg4", "-q:v", "6")])
def test_in_encoded_files(
    paint: Paint, film: Film, tmp_path: Path, open_video: Callable[..., Video], codec: tuple[str, ...]
) -> None:
    """Somebody moves one pixel a frame for 30 frames; then ffmpeg holds the last picture for 40."""
    moving = film([paint({0: (50 + n, 60)}) for n in range(30)])
    frozen = tmp_path / "frozen.mp4"
    hold = ["-vf", "tpad=stop_mode=clone:stop=40", "-pix_fmt", "yuv420p", *codec]
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", str(moving), *hold, str(frozen)], check=True)
    frames = split_shots(open_video(frozen).frames(), ShotConfig())
    found = np.flatnonzero(frozen_frames(np.array([each.change for each in frames]), 25.0, 0.5))
    assert 30 <= found[0] <= 38  # an encoder sharpens a picture that stands still for some frames
    assert len(found) == 70 - found[0]
    assert found[-1] == 69


def test_a_frozen_stretch_is_taken_out_of_a_run(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    at = [*range(40), *[39] * 30, *range(40, 70)]
    path = film([paint({0: (20 + 3 * n, 60 + 10 * np.sin(n))}) for n in at])
    (source,) = expand([path])
    rows = {}
    for config in (LabelConfig(), LabelConfig(preset=HMMR_2019)):
        labeller = Labeller(rectangles(), [box_phi], config, Policy())  # type: ignore[list-item]
        rows[config.preset.name] = labeller.label(path, source, Verdict("open", {})).rows
    ours = rows["default"]
    assert [(row["frame_index"][0], row["n_frames"]) for row in ours["tracklets"]] == [(0, 40), (70, 30)]
    (reject,) = ours["rejects"]
    assert (reject["reason"], reject["first_frame"], reject["n_frames"]) == ("frozen", 40, 30)
    assert (reject["measured"], reject["threshold"]) == (pytest.approx(1.2), 0.5)
    assert [row["n_frames"] for row in rows["hmmr_2019"]["tracklets"]] == [100]
