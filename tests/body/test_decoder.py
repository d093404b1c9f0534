"""A stranger's file cannot make the decoder take more than its share."""

import signal
import sys
import tempfile
from pathlib import Path

import pytest

from body.ffmpeg import CONTAINERS, ffmpeg_program, first_complaint, input_arguments, start_decoder

GREEDY = "import time; time.sleep(0.5); held = [bytearray(1 << 28) for _ in range(16)]"
BUSY = "while True: pass"
WRITER = "import time; time.sleep(0.5); file = open('{}', 'wb'); [file.write(bytes(1 << 24)) for _ in range(32)]"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a running process are Linux's")
@pytest.mark.parametrize(("code", "ends"), [(GREEDY, 1), (BUSY, -signal.SIGKILL), (WRITER, 1)])
def test_memory_time_and_what_is_written_are_limited(tmp_path: Path, code: str, ends: int) -> None:
    with tempfile.TemporaryFile() as complaints:
        command = [sys.executable, "-c", code.format(tmp_path / "large")]
        process = start_decoder(command, cpu_s=1, complaints=complaints)
        assert process.wait(60) == ends
        complaints.seek(0)
        text = complaints.read().decode()
    assert ("MemoryError" in text) == (code == GREEDY)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1 << 28


def test_only_known_containers_are_read() -> None:
    """None that opens what its content names."""
    arguments = input_arguments(Path("x.mp4"))
    assert arguments[0] == ffmpeg_program()
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file"
    assert arguments[arguments.index("-format_whitelist") + 1] == ",".join(CONTAINERS)
    opening = {
        "hls",
        "dash",
        "concat",
        "image2",
        "imf",
        "webm_dash_manifest",
        "lavfi",
        "sdp",
        "rtsp",
        "ffmetadata",
        "vobsub",
    }
    assert not opening & set(CONTAINERS)


def test_the_first_error_is_what_is_told() -> None:
    text = "[mov @ 0x1] [warning] careful\n[h264 @ 0x2] [error] broken\n[info] Stream #0:0\n[error] later\n"
    assert first_complaint(text) == "broken"
    assert first_complaint("[info] all is well\n") == ""
