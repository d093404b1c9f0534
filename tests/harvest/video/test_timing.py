"""The stream's own clock, read without decoding."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from body.mp4 import ffmpeg_program
from harvest.errors import DecodeFailed, NoVideoStream
from harvest.video.timing import rate_of, read_timing, simplest_between

Clip = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "options", "rate", "time_base"),
    [
        ("h264.mp4", ("-c:v", "libx264"), "30", Fraction(1, 15360)),
        ("ntsc.mp4", ("-c:v", "libx264"), "30000/1001", Fraction(1, 30000)),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime"), "24", Fraction(1, 1000)),
        ("av1.mkv", ("-c:v", "libsvtav1"), "30", Fraction(1, 1000)),
    ],
)
def test_rate_is_exact_even_from_a_millisecond_clock(
    clip: Clip, name: str, options: tuple[str, ...], rate: str, time_base: Fraction
) -> None:
    timing = read_timing(clip(name, *options, rate=rate), name)
    assert timing.time_base == time_base
    assert timing.rate == Fraction(rate)
    assert len(timing.pts_F) == round(float(Fraction(rate)))
    assert (np.diff(timing.pts_F) > 0).all()


def test_edit_list_hides_frames(clip: Clip, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    whole = clip("h264.mp4", "-c:v", "libx264")
    command = [ffmpeg_program(), "-v", "error", "-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut)]
    subprocess.run(command, check=True)
    timing = read_timing(cut, "cut")
    assert len(timing.pts_F) == 30
    assert timing.shown_F.sum() == 15
    assert timing.duration_s == pytest.approx(0.5)


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is text")
    (tmp_path / "empty.mp4").touch()
    audio = tmp_path / "audio.mp4"
    subprocess.run([ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", str(audio)], check=True)
    for name in ("text.mp4", "empty.mp4"):
        with pytest.raises(DecodeFailed, match=name):
            read_timing(tmp_path / name, name)
    with pytest.raises(NoVideoStream, match="audio"):
        read_timing(audio, "audio.mp4")


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 1001), st.integers(20, 400))
def test_rate_of_a_rounded_even_clock_fits_every_tick(num: int, den: int, frames: int) -> None:
    true = Fraction(num, den)
    time_base = Fraction(1, 90_000)
    pts = np.array([round(i / true / time_base) for i in range(frames)], dtype=np.int64)
    found = rate_of(pts, time_base)
    assert max(abs(int(pts[i]) - i / found / time_base) for i in range(frames)) <= 2
    if len(set(np.diff(pts))) > 1:  # else the ticks themselves are an even clock, and the answer is theirs
        assert found.denominator <= true.denominator


def test_variable_rate_is_a_mean() -> None:
    pts = np.array([0, 1, 2, 3, 13, 23, 33], dtype=np.int64)
    assert rate_of(pts, Fraction(1, 10)) == Fraction(60, 33)


@given(st.fractions(Fraction(1, 100), 100), st.fractions(Fraction(1, 1000), 1))
def test_simplest_fraction(low: Fraction, width: Fraction) -> None:
    found = simplest_between(low, low + width)
    assert low <= found <= low + width
    for den in range(1, found.denominator):
        assert -(-low.numerator * den // low.denominator) > (low + width) * den
