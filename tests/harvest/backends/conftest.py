"""Frames of the real clips, and the pedestrians of Debian's opencv-doc."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest


def read_frames(path: Path, wanted: set[int] | None = None) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    index = 0
    while capture.grab():
        if wanted is None or index in wanted:
            yield cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
        index += 1


@pytest.fixture(scope="session")
def squats(shared_data: Path) -> list[np.ndarray]:
    return list(read_frames(shared_data / "real_video" / "pose_squats.mp4"))


@pytest.fixture(scope="session")
def pedestrians(absent: Callable[[str], None]) -> Path:
    listed = subprocess.run(["dpkg", "-L", "opencv-doc"], capture_output=True, text=True, check=False).stdout
    found = [Path(line) for line in listed.splitlines() if line.endswith("/vtest.avi")]
    if not found:
        absent("needs vtest.avi of Debian's package opencv-doc: scripts/install_test_programs")
    return found[0]


@pytest.fixture(scope="session")
def pedestrian_frames(pedestrians: Path) -> Callable[[set[int]], list[np.ndarray]]:
    return lambda wanted: list(read_frames(pedestrians, wanted))
