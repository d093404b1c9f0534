"""Reads the pictures of a benchmark sequence one after the other, in bounded memory.

Legend: H height, W width; RGB uint8.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.readers.files import bounded, inside
from evaluation.sequence import BenchmarkSequence

Picture = NDArray[np.uint8]


def pictures(sequence: BenchmarkSequence, root: Path) -> Iterator[Picture | None]:
    """(H, W, 3) RGB of each frame in order; None where a picture is missing or cannot be read.

    Relative names of pictures are below `root`. Videos are decoded once, in order. BadDatasetError where a name or a
    link leads to a file outside of `root`.
    """
    if sequence.images:
        for path in sequence.images:
            yield _picture(root, root / path)
    elif sequence.video is not None:
        yield from _from_video(inside(root, sequence.video), sequence.frame_ids)
    else:
        yield from (None for _ in range(len(sequence)))


def _picture(root: Path, path: Path) -> Picture | None:
    try:
        if not path.is_file():
            return None
    except ValueError:  # a name with a zero byte
        return None
    with bounded(inside(root, path)):
        return _rgb(cv2.imread(str(path)))


def _from_video(path: Path, frame_ids: NDArray[np.int64]) -> Iterator[Picture | None]:
    capture = cv2.VideoCapture(str(path))
    at = -1
    try:
        for wanted in frame_ids:
            while at < wanted and capture.grab():
                at += 1
            yield _rgb(capture.retrieve()[1]) if at == wanted else None
    finally:
        capture.release()


def _rgb(picture: object) -> Picture | None:
    return None if picture is None else np.asarray(cv2.cvtColor(np.asarray(picture), cv2.COLOR_BGR2RGB), np.uint8)
