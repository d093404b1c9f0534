import subprocess
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from body.pictures import NoVideoStreamError, VideoFileError, read_packet_times


def test_every_packet_has_its_time(clip: Callable[..., Path]) -> None:
    times = read_packet_times(clip("even.mp4", "-c:v", "libx264", "-bf", "2", size="320x240"))
    assert [int(pts) * times.time_base for pts in times.pts_F] == [Fraction(frame, 30) for frame in range(30)]
    assert times.shown_F.all()
    assert times.coded == (320, 240)


@pytest.mark.parametrize("name", ["dvd.mpg", "dvd.vob", "old.avi", "stream.ts", "web.mkv"])
def test_pictures_whose_time_is_not_said_follow_the_ones_before(clip: Callable[..., Path], name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "mpeg2video"
    times = read_packet_times(clip(name, "-c:v", codec, "-bf", "2", "-q:v", "20", rate="25", size="320x240"))
    seconds = [float((int(pts) - int(times.pts_F[0])) * times.time_base) for pts in times.pts_F]
    assert seconds == pytest.approx([frame / 25 for frame in range(25)], abs=2e-3)


def test_what_is_no_video_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(VideoFileError, match="is not a video that ffmpeg can read"):
        read_packet_times(tmp_path / "text.mp4")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(bytes(1600))
    with pytest.raises(NoVideoStreamError, match="no video stream"):
        read_packet_times(tmp_path / "tone.wav")


def test_the_limit_holds(clip: Callable[..., Path]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        read_packet_times(clip("even.mp4", "-c:v", "libx264", "-bf", "2", size="320x240"), limit_s=0.0)
