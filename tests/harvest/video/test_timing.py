"""The stream's own clock, read without decoding."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from body.ffmpeg import ffmpeg_program
from harvest.errors import DecodeFailed, NoVideoStream
from harvest.video.decode import Timing, keep_mask, rate_of, read_packets, simplest_between, working_rate

Clip = Callable[..., Path]


def timing_of(path: Path, name: str) -> Timing:
    packets = read_packets(path, name)
    return Timing(packets.pts_F, packets.shown_F, packets.time_base)


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
    timing = timing_of(clip(name, *options, rate=rate), name)
    assert timing.time_base == time_base
    assert timing.rate == Fraction(rate)
    assert len(timing.pts_F) == round(float(Fraction(rate)))
    assert (np.diff(timing.pts_F) > 0).all()


def test_edit_list_hides_frames(clip: Clip, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    whole = clip("h264.mp4", "-c:v", "libx264")
    command = [ffmpeg_program(), "-v", "error", "-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut)]
    subprocess.run(command, check=True)
    timing = timing_of(cut, "cut")
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
            timing_of(tmp_path / name, name)
    with pytest.raises(NoVideoStream, match="audio"):
        timing_of(audio, "audio.mp4")


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


BASE = Fraction(1, 1000)


def _even(rate: Fraction, seconds: float = 4.0) -> Timing:
    pts = np.array([round(i / rate / BASE) for i in range(int(rate * Fraction(seconds)))], dtype=np.int64)
    return Timing(pts, np.ones(len(pts), dtype=bool), BASE)


@pytest.mark.parametrize("rate", [5, 10, Fraction(24000, 1001), 24, 25])
def test_slow_video_keeps_every_frame_and_its_rate(rate: Fraction) -> None:
    timing = _even(Fraction(rate))
    keep = keep_mask(timing, Fraction(25))
    assert keep.all()
    assert working_rate(timing, keep, Fraction(25)) == timing.rate


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 30, 50, 60, 120, 240])
def test_fast_video_is_thinned_to_the_working_rate(rate: Fraction) -> None:
    timing = _even(Fraction(rate))
    keep = keep_mask(timing, Fraction(25))
    assert abs(int(keep.sum()) - 100) <= 1
    assert working_rate(timing, keep, Fraction(25)) == 25
    gaps = np.diff(timing.pts_F[keep])
    assert gaps.max() <= 40 + 1000 / rate + 1


def test_fifty_fps_is_every_second_frame() -> None:
    assert np.flatnonzero(keep_mask(_even(Fraction(50)), Fraction(25)))[:5].tolist() == [0, 1, 3, 5, 7]


@given(st.lists(st.integers(1, 200), min_size=2, max_size=200))
def test_variable_rate_never_goes_above_and_never_loses_a_slow_frame(steps: list[int]) -> None:
    pts = np.cumsum([0, *steps]).astype(np.int64)
    timing = Timing(pts, np.ones(len(pts), dtype=bool), BASE)
    keep = keep_mask(timing, Fraction(25))
    assert keep[0]
    assert keep.sum() <= (pts[-1] - pts[0]) * 25 / 1000 + 1.5
    slow = np.flatnonzero(np.diff(pts) >= 80) + 1
    assert keep[slow].all()


def test_sections_and_hidden_frames() -> None:
    timing = _even(Fraction(10))
    keep = keep_mask(timing, Fraction(25), ((1.0, 1.5), (3.0, 3.2)))
    assert np.flatnonzero(keep).tolist() == [10, 11, 12, 13, 14, 30, 31]
    hidden = Timing(timing.pts_F, timing.pts_F >= 1000, BASE)
    assert np.flatnonzero(keep_mask(hidden, Fraction(25)))[0] == 10


def test_huge_ticks_do_not_overflow() -> None:
    pts = np.array([0, 2**40, 2**41, 3 * 2**40], dtype=np.int64)
    timing = Timing(pts, np.ones(4, dtype=bool), Fraction(1, 2**40))
    assert keep_mask(timing, Fraction(2**40 + 1, 3)).all()


def test_pictures_that_are_hours_apart_have_a_rate() -> None:
    """The nearest fraction with a small denominator was 0, and one over it no number."""
    pts = np.array([0, 10**9, 2 * 10**9], dtype=np.int64)
    timing = Timing(pts, np.ones(3, dtype=bool), BASE)
    assert 0 < timing.rate < Fraction(1, 100_000)
    assert timing.duration_s == pytest.approx(3e6, rel=0.1)
    assert working_rate(timing, keep_mask(timing, Fraction(25)), Fraction(25)) == timing.rate
    assert rate_of(np.array([0, 2**62], dtype=np.int64), Fraction(1)) > 0
