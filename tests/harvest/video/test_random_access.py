"""Pictures by index equal those of a whole decoding, whichever way they come, and bad files cost an error at most."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from body.ffmpeg import ffmpeg_program
from harvest.errors import DecodeFailed, TooManyPixels
from harvest.video import random_access
from harvest.video.decode import DecodeConfig, Frame, Video
from harvest.video.random_access import RandomAccess

Clip = Callable[..., Path]
EVERY = DecodeConfig(max_fps=Fraction(1000))
H264 = ("-c:v", "libx264", "-g", "15", "-sc_threshold", "0", "-bf", "2")


def _opened(path: Path, config: DecodeConfig = EVERY) -> RandomAccess:
    return RandomAccess(path, path.name, config, max_pixels=10**8)


def _harvested(path: Path) -> dict[int, Frame]:
    video = Video(path, path.name, EVERY, max_pixels=10**8, max_seconds=10**4)
    return {frame.index: frame for frame in video.frames()}


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)], check=True)


def _check(path: Path, wanted: list[int], *, with_decord: bool) -> None:
    harvested, access = _harvested(path), _opened(path)
    frames = list(access.frames(np.array(wanted)))
    assert [frame.index for frame in frames] == wanted
    assert access.with_decord == with_decord
    for frame in frames:
        assert frame.pts == harvested[frame.index].pts
        np.testing.assert_array_equal(frame.pixels_HW3, harvested[frame.index].pixels_HW3)


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "plain.avi", "late.mp4"])
def test_few_pictures_far_apart_come_through_decord(clip: Clip, tmp_path: Path, name: str) -> None:
    coded = ("-c:v", "mpeg4", "-g", "15", "-q:v", "2") if name == "plain.avi" else H264
    path = clip(name, *coded, seconds=6, size="320x240")
    if name == "late.mp4":  # a clock that does not begin at 0
        path, early = tmp_path / name, path
        _ffmpeg("-i", early, "-c", "copy", "-output_ts_offset", "7", path)
    _check(path, [1, 2, 77, 123, 179], with_decord=True)


def test_many_pictures_come_through_the_pipe(clip: Clip) -> None:
    _check(clip("plain.mp4", *H264, seconds=6, size="320x240"), list(range(40, 170)), with_decord=False)


@pytest.mark.parametrize("kind", ["turned", "narrow", "fields", "hidden", "open", "joined", "variable"])
def test_what_decord_shows_otherwise_comes_through_the_pipe(clip: Clip, tmp_path: Path, kind: str) -> None:
    plain = clip("plain.mp4", *H264, seconds=6, size="320x240")
    path = tmp_path / f"{kind}.{'ts' if kind == 'joined' else 'mp4'}"
    if kind == "turned":
        _ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", path)
    elif kind == "narrow":
        _ffmpeg("-i", plain, "-vf", "setsar=4/3", *H264, path)
    elif kind == "fields":
        _ffmpeg("-i", plain, "-vf", "interlace=lowpass=off", *H264, "-flags", "+ildct+ilme", path)
    elif kind == "hidden":
        _ffmpeg("-ss", "1.3", "-i", plain, "-c", "copy", path)
    elif kind == "open":
        _ffmpeg("-i", plain, "-c:v", "libx265", "-x265-params", "log-level=none:keyint=15:open-gop=1", "-bf", "3", path)
    elif kind == "joined":
        one = tmp_path / "one.ts"
        _ffmpeg("-i", plain, "-c", "copy", one)
        path.write_bytes(one.read_bytes() * 2)
    else:
        _ffmpeg("-i", plain, "-vf", "select='not(mod(n,7)*mod(n,3))'", "-fps_mode", "vfr", *H264, path)
    last = max(_harvested(path))
    _check(path, [last // 3, last], with_decord=kind == "variable")


def test_pictures_that_differ_from_the_pipes_are_not_taken(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that counts otherwise after a seek, as decord may on a damaged file."""
    path, plain = clip("plain.mp4", *H264, seconds=6, size="320x240"), RandomAccess._read

    def shifted(self: RandomAccess, pipe: object, wanted_W: np.ndarray) -> object:
        frames = list(plain(self, pipe, wanted_W))  # type: ignore[arg-type]
        yield frames[0]
        for frame, before in zip(frames[1:], frames, strict=False):
            yield Frame(frame.index, frame.pts, before.pixels_HW3)

    monkeypatch.setattr(RandomAccess, "_read", shifted)
    _check(path, [1, 178], with_decord=False)


@pytest.mark.parametrize(
    "program", ["import os; os.abort()", "print('{}')", "print('nonsense')", "x = [0] * (1 << 40)"]
)
def test_a_child_that_dies_or_talks_nonsense_costs_nothing(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "child.py").write_text(program)
    monkeypatch.setattr(random_access, "_CHILD", tmp_path / "child.py")
    _check(clip("plain.mp4", *H264, seconds=6, size="320x240"), [1, 178], with_decord=False)


def test_a_playlist_in_videos_clothing_never_reaches_decord(clip: Clip, tmp_path: Path) -> None:
    plain = clip("plain.ts", *H264, seconds=6, size="320x240")
    access = _opened(plain)
    list(access.frames(np.array([1, 178])))
    assert not access.with_decord
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:6,\n{plain}\n#EXT-X-ENDLIST\n")
    with pytest.raises(DecodeFailed, match=r"list\.mp4"):
        _opened(playlist)


def test_a_picture_that_is_missing_is_named(clip: Clip) -> None:
    path = clip("plain.mp4", *H264, seconds=6, size="320x240")
    with pytest.raises(DecodeFailed, match=r"plain\.mp4: has 180 pictures, picture 180 is wanted"):
        list(_opened(path).frames(np.array([3, 180])))
    with pytest.raises(TooManyPixels, match=r"plain\.mp4"):
        RandomAccess(path, path.name, EVERY, max_pixels=100)
    assert list(_opened(path).frames(np.zeros(0, np.int64))) == []


def test_the_picture_of_an_instant(clip: Clip) -> None:
    access = _opened(clip("plain.mp4", *H264, seconds=6, size="320x240"))
    assert [access.index_at(seconds) for seconds in (0, 0.0333, 0.034, 3.4, 5.99)] == [0, 0, 1, 102, 179]
    for seconds in (-0.1, 6.0, float("nan")):
        with pytest.raises(ValueError, match=r"plain\.mp4: is 6\.00 s long"):
            access.index_at(seconds)


def test_the_program_refuses_indices_beyond_the_file(clip: Clip, tmp_path: Path) -> None:
    np.save(tmp_path / "wanted.npy", np.array([500]))
    path = clip("plain.mp4", *H264, seconds=6, size="320x240")
    command = [sys.executable, "-I", str(random_access._CHILD), str(path), str(tmp_path / "wanted.npy")]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode != 0
    assert done.stdout == b""
