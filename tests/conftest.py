"""What every test may use: where ../shared lies, and quiet threads."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

import pytest

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
    """Two torch threads on a busy machine can be 20 times slower than one (reference/open_world.md)."""
    import torch

    torch.set_num_threads(1)
