"""Frames once, in order, whatever the codec, the rotation or the size."""

import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from body.ffmpeg import ffmpeg_program
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


FULL_RATE = DecodeConfig(max_fps=Fraction(60))


def _whole(path: Path, **changes: object) -> Video:
    limits: dict[str, object] = {"max_pixels": 10**8, "max_seconds": 10**4} | changes
    return Video(path, path.name, FULL_RATE, **limits)  # type: ignore[arg-type]


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize("later", [0, 1000])
def test_joined_clocks_keep_all_pictures(clip: Clip, tmp_path: Path, later: int) -> None:
    """Two streams of 60 pictures, as `cat` or a discontinuity of HLS joins them: a restart, or a jump ahead."""
    one = clip("one.ts", "-c:v", "libx264", "-bf", "2", seconds=2)
    other = tmp_path / "other.ts"
    _ffmpeg("-i", one, "-c", "copy", "-output_ts_offset", str(later), other)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() + other.read_bytes())
    video = _whole(joined)
    frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(120))
    assert video.timing.duration_s == pytest.approx(4.0)
    assert video.timing.rate == 30
    assert set(np.diff([frame.pts for frame in frames])) == {3000}
    assert not video.lost_F.any()
    np.testing.assert_array_equal(frames[60].pixels_HW3, frames[0].pixels_HW3)


def test_a_joined_file_is_thinned_like_one_file(clip: Clip, open_video: Opener, tmp_path: Path) -> None:
    one = clip("one.ts", "-c:v", "libx264", "-bf", "2", seconds=2)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    video = open_video(joined)
    assert [frame.index for frame in video.frames()] == np.flatnonzero(video.keep_F).tolist()
    assert video.keep_F.sum() == 100


def _transport_packets(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188)


def test_a_stream_cut_in_mid_gop_keeps_the_times_of_its_good_pictures(clip: Clip, tmp_path: Path) -> None:
    whole = clip("whole.ts", "-c:v", "libx264", "-bf", "2", "-g", "30", seconds=4)
    packets = _transport_packets(whole)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(packets[:4].tobytes() + packets[len(packets) * 2 // 5 :].tobytes())
    by_pts = {frame.pts: frame.pixels_HW3 for frame in _whole(whole).frames()}
    video = _whole(cut)
    frames = list(video.frames())
    good = [frame for frame in frames if frame.pts * video.timing.time_base >= Fraction(34, 10)]
    assert len(good) >= 55
    for frame in good:
        np.testing.assert_array_equal(frame.pixels_HW3, by_pts[frame.pts])
    assert len(frames) + video.lost_F.sum() == video.n_frames
    assert not {frame.index for frame in frames} & set(np.flatnonzero(video.lost_F).tolist())


def test_a_damaged_middle_moves_no_good_picture(clip: Clip, tmp_path: Path) -> None:
    options = ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=15:open-gop=1", "-bf", "3")
    whole = clip("whole.mkv", *options, seconds=3)
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 12] = bytes(len(data) // 12)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    by_pts = {frame.pts: frame.pixels_HW3 for frame in _whole(whole).frames()}
    video = _whole(broken)
    frames = list(video.frames())
    assert len(frames) + video.lost_F.sum() == video.n_frames
    exact = [np.array_equal(frame.pixels_HW3, by_pts[frame.pts]) for frame in frames]
    assert sum(exact) >= 40
    assert exact[0]
    assert exact[-1]


def test_pixels_that_are_not_square_are_made_square(clip: Clip, tmp_path: Path) -> None:
    upright = clip("upright.mp4", "-c:v", "libx264", "-crf", "1", size="320x240")
    narrow, flat = tmp_path / "narrow.mp4", tmp_path / "flat.mp4"
    _ffmpeg("-i", upright, "-vf", "scale=240:240,setsar=4/3", "-c:v", "libx264", "-crf", "1", narrow)
    _ffmpeg("-i", upright, "-vf", "scale=640:240,setsar=1/2", "-c:v", "libx264", "-crf", "1", flat)
    theirs = [frame.pixels_HW3.astype(int) for frame in _whole(upright).frames()]
    for path in (narrow, flat):
        video = _whole(path)
        assert (video.width, video.height) == (320, 240)
        assert all(
            np.abs(frame.pixels_HW3 - their).mean() < 6 for frame, their in zip(video.frames(), theirs, strict=True)
        )


def test_interlaced_video_is_deinterlaced(shared_data: Path, tmp_path: Path) -> None:
    """A real clip at 60 pictures a second made 30 of two fields each: no comb is left on what moves."""
    clip = shared_data / "real_video" / "pose2sim_single_cam01.mp4"
    plain, fields = tmp_path / "plain.mp4", tmp_path / "fields.mp4"
    coded = ("-c:v", "libx264", "-crf", "8", "-preset", "ultrafast")
    _ffmpeg("-t", "1", "-i", clip, "-vf", "scale=540:960", *coded, plain)
    _ffmpeg(
        "-t", "1", "-i", clip, "-vf", "scale=540:960,interlace=lowpass=off", *coded, "-flags", "+ildct+ilme", fields
    )
    video = _whole(fields)
    frames = list(video.frames())
    assert len(frames) == video.n_frames == 30
    assert [frame.pts for frame in frames] == video.timing.pts_F.tolist()
    combed = np.mean([_comb(frame.pixels_HW3) for frame in frames])
    assert combed < 1.25 * np.mean([_comb(frame.pixels_HW3) for frame in _whole(plain).frames()])


def _comb(pixels_HW3: np.ndarray) -> float:
    """How much a row differs from both of its neighbours, beyond what they differ: large where two fields mix."""
    rows = pixels_HW3.mean(axis=2)
    outer, inner = np.abs(rows[2:] - rows[:-2]), np.abs(rows[1:-1] - (rows[2:] + rows[:-2]) / 2)
    return float(np.clip(inner - outer, 0, None).mean())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp4", "ffconcat version 1.0\n" + "file 'private.mp4'\n" * 50),
        ("playlist.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nprivate.mp4\n#EXT-X-ENDLIST\n"),
        ("manifest.mp4", '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
         'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
         '<AdaptationSet contentType="video" mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1" '
         'width="96" height="64"><BaseURL>file:PRIVATE</BaseURL></Representation></AdaptationSet></Period></MPD>'),
        ("pictures.mp4", "image2 %03d.png\n" * 10),
    ],
)  # fmt: skip
def test_a_file_that_names_other_files_opens_none(clip: Clip, tmp_path: Path, name: str, text: str) -> None:
    private = shutil.copy(clip("private.mp4", "-c:v", "libx264"), tmp_path / "private.mp4")
    (tmp_path / name).write_text(text.replace("PRIVATE", str(private)))
    with pytest.raises((DecodeFailed, NoVideoStream), match=name):
        list(_whole(tmp_path / name).frames())


def test_a_small_file_of_millions_of_pictures_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.y4m"
    path.write_bytes(b"YUV4MPEG2 W1 H1 F25:1 Ip A1:1 Cmono\n" + b"FRAME\n\x00" * 2_000_000)
    began, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLong, match="the limit is 60 s"):
        _whole(path, max_seconds=60)
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 50_000


def test_pictures_that_thinning_drops_are_dropped_by_the_decoder(clip: Clip, open_video: Opener) -> None:
    path = clip("fast.mp4", "-c:v", "libx264", "-bf", "2", rate="60", seconds=2)
    everything = {frame.index: frame for frame in _whole(path).frames()}
    video = open_video(path, sections_s=((0.5, 0.8), (1.2, 1.5)))
    kept = list(video.frames())
    assert [frame.index for frame in kept] == np.flatnonzero(video.keep_F).tolist()
    assert len(kept) == 15
    for frame in kept:
        assert frame.pts == everything[frame.index].pts
        np.testing.assert_array_equal(frame.pixels_HW3, everything[frame.index].pixels_HW3)
    thinned = open_video(path)
    assert sum(1 for _ in thinned._pictures) == thinned.keep_F.sum() < 0.5 * thinned.n_frames
