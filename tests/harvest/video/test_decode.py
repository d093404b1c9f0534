"""Frames once, in order, whatever the codec, the rotation or the size."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from body.mp4 import ffmpeg_program
from harvest.errors import DecodeFailed, NoVideoStream, TooLong, TooManyPixels
from harvest.video.decode import DecodeConfig, Video

Clip = Callable[..., Path]
Opener = Callable[..., Video]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", ("-c:v", "libx264")),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime")),
        ("av1.mp4", ("-c:v", "libsvtav1")),
        ("ten_bit.mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")),
        ("odd.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-vf", "scale=97:65")),
        ("mpeg4.avi", ("-c:v", "mpeg4", "-q:v", "2")),
    ],
)
def test_every_codec_gives_the_same_pictures_as_ffmpeg(
    clip: Clip, open_video: Opener, name: str, options: tuple[str, ...]
) -> None:
    path = clip(name, *options)
    video = open_video(path)
    frames = list(video.frames())
    assert [frame.index for frame in frames] == np.flatnonzero(video.keep_F).tolist()
    assert [frame.pts for frame in frames] == video.timing.pts_F[video.keep_F].tolist()
    raw = subprocess.run(
        [ffmpeg_program(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    theirs = np.frombuffer(raw, np.uint8).reshape(-1, video.height, video.width, 3)
    for frame in frames[:: len(frames) // 4]:
        assert np.abs(frame.pixels_HW3.astype(int) - theirs[frame.index]).mean() < 3


def test_rotation_metadata_is_applied(clip: Clip, open_video: Opener, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    upright = clip("h264.mp4", "-c:v", "libx264")
    subprocess.run(
        [ffmpeg_program(), "-v", "error", "-display_rotation", "90", "-i", str(upright), "-c", "copy", str(turned)],
        check=True,
    )
    video = open_video(turned)
    assert (video.width, video.height) == (64, 96)
    straight = next(iter(open_video(upright).frames())).pixels_HW3
    assert np.abs(next(iter(video.frames())).pixels_HW3.astype(int) - np.rot90(straight)).mean() < 3


def test_variable_rate_keeps_its_own_times(clip: Clip, open_video: Opener) -> None:
    vfr = clip("vfr.mp4", "-c:v", "libx264", "-vf", "select='not(mod(n,5))'", "-fps_mode", "vfr")
    assert [frame.pts * open_video(vfr).timing.time_base for frame in open_video(vfr).frames()] == [
        Fraction(n, 30) for n in range(0, 30, 5)
    ]


def test_large_pictures_are_scaled_down(clip: Clip) -> None:
    path = clip("h264.mp4", "-c:v", "libx264")
    video = Video(path, "x", DecodeConfig(max_side=48), max_pixels=10**6, max_seconds=10)
    assert (video.width, video.height) == (48, 32)
    assert next(iter(video.frames())).pixels_HW3.shape == (32, 48, 3)


def test_limits(clip: Clip, open_video: Opener) -> None:
    path = clip("h264.mp4", "-c:v", "libx264")
    with pytest.raises(TooLong, match="1 s"):
        open_video(path, max_seconds=0.9)
    with pytest.raises(TooManyPixels, match="96 x 64"):
        open_video(path, max_pixels=6143)


def test_truncated_file_fails_by_name(clip: Clip, open_video: Opener, tmp_path: Path) -> None:
    whole = clip("fast.mp4", "-c:v", "libx264", "-movflags", "faststart", seconds=3).read_bytes()
    for name, data in (("index_first.mp4", whole[: len(whole) * 2 // 3]), ("no_index.mp4", whole[:300])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises((DecodeFailed, NoVideoStream), match=name) as caught:
            list(open_video(tmp_path / name).frames())
        assert ".cc:" not in str(caught.value)
