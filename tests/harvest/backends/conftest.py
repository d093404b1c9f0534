"""The embedded weights in the cache, frames of the real clips, and the pedestrians of Debian's opencv-doc."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from harvest.weights import files as weights
from harvest.weights.packages import WeightsError


def read_frames(path: Path, wanted: set[int] | None = None) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    index = 0
    while capture.grab():
        if wanted is None or index in wanted:
            yield cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
        index += 1


def skip_or_fail(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have this: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def fetched() -> Callable[[weights.Weights], Path]:
    """Path of one file of weights, fetched if it is not in the cache."""

    def get(wanted: weights.Weights) -> Path:
        try:
            return weights.fetch([wanted])[0]
        except WeightsError as error:
            skip_or_fail(str(error))
            raise

    return get


@pytest.fixture(scope="session")
def squats(shared_data: Path) -> list[np.ndarray]:
    return list(read_frames(shared_data / "real_video" / "pose_squats.mp4"))


@pytest.fixture(scope="session")
def pedestrians() -> Path:
    listed = subprocess.run(["dpkg", "-L", "opencv-doc"], capture_output=True, text=True, check=False).stdout
    found = [Path(line) for line in listed.splitlines() if line.endswith("/vtest.avi")]
    if not found:
        skip_or_fail("needs vtest.avi of Debian's package opencv-doc: scripts/install_test_programs")
    return found[0]


@pytest.fixture(scope="session")
def pedestrian_frames(pedestrians: Path) -> Callable[[set[int]], list[np.ndarray]]:
    return lambda wanted: list(read_frames(pedestrians, wanted))
