"""A video file as frames: decoded once, in order, in bounded memory, each with its PTS.

Letters: H height, W width. Frames are RGB uint8 (H, W, 3); rotation metadata is applied by decord.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import decord
import numpy as np
from numpy.typing import NDArray

from harvest.errors import DecodeFailed, TooLong, TooManyPixels
from harvest.thin import keep_mask, working_rate
from harvest.timing import Timing, read_timing

# decord prints FFmpeg's complaints on stderr by itself; ours name the item
decord.logging.set_level(decord.logging.QUIET)


@dataclass(frozen=True)
class Frame:
    """One picture. `index` counts the source's decoded frames, before thinning."""

    index: int
    pts: int
    pixels_HW3: NDArray[np.uint8]


@dataclass(frozen=True)
class DecodeConfig:
    """What is decoded, and how large."""

    max_fps: Fraction = Fraction(25)
    """The working rate: HMMR's (reference/paper.md 1.6). Slower video keeps its own."""
    max_side: int = 1920
    """Larger pictures are scaled down while they are decoded: 4K frames would be most of the memory."""
    threads: int = 1


class Video:
    """An opened file: its clock, size and working rate, then its frames, once."""

    def __init__(
        self, path: Path, item: str, config: DecodeConfig, *, max_pixels: int, max_seconds: float,
        sections_s: tuple[tuple[float, float], ...] = (),
    ) -> None:  # fmt: skip
        """Raises NoVideoStream, DecodeFailed, TooManyPixels or TooLong."""
        self._path, self._item, self._config = path, item, config
        self.timing: Timing = read_timing(path, item)
        self.n_frames = len(self.timing.pts_F)
        if not sections_s and self.timing.duration_s > max_seconds:
            raise TooLong(item, f"{self.timing.duration_s:.0f} s, the limit is {max_seconds:.0f} s")
        self.keep_F = keep_mask(self.timing, config.max_fps, sections_s)
        self.working_rate = working_rate(self.timing, self.keep_F, config.max_fps)
        height, width = self._size(max_pixels)
        scale = min(1.0, config.max_side / max(height, width))
        self.height, self.width = (round(height * scale), round(width * scale)) if scale < 1 else (height, width)

    def _size(self, max_pixels: int) -> tuple[int, int]:
        height, width = self._open(-1, -1).next().shape[:2]
        if height * width > max_pixels:
            raise TooManyPixels(self._item, f"frames are {width} x {height}, the limit is {max_pixels} pixels")
        return int(height), int(width)

    def _open(self, width: int, height: int) -> Any:
        try:
            return _Reader(
                decord.VideoReader(str(self._path), width=width, height=height, num_threads=self._config.threads),
                self._item,
            )
        except (decord.DECORDError, RuntimeError, AssertionError) as error:
            raise DecodeFailed(self._item, f"decord cannot open it: {_short(error)}") from error

    def frames(self) -> Iterator[Frame]:
        """The frames that the working rate keeps, in order. DecodeFailed if the file ends before its index does."""
        reader = self._open(self.width, self.height)
        wanted = np.flatnonzero(self.keep_F)
        at = 0
        for index in wanted:
            reader.skip(int(index) - at, at, self.n_frames)
            pixels = reader.next(int(index), self.n_frames)
            at = int(index) + 1
            yield Frame(int(index), int(self.timing.pts_F[index]), pixels)


class _Reader:
    """decord's reader with errors that name the item and the place."""

    def __init__(self, reader: Any, item: str) -> None:
        self._reader, self._item = reader, item

    def next(self, index: int = 0, n_frames: int = 0) -> NDArray[np.uint8]:
        try:
            pixels: NDArray[np.uint8] = self._reader.next().asnumpy()
        except (decord.DECORDError, RuntimeError, StopIteration) as error:
            raise self._ended(index, n_frames, error) from error
        # decord 3.4 takes a padded row of a narrow picture for a fourth channel: the bytes are right, the shape is not
        height, width = pixels.shape[:2]
        return pixels.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)

    def skip(self, count: int, index: int, n_frames: int) -> None:
        try:
            if count > 0:
                self._reader.skip_frames(count)
        except (decord.DECORDError, RuntimeError) as error:
            raise self._ended(index, n_frames, error) from error

    def _ended(self, index: int, n_frames: int, error: BaseException) -> DecodeFailed:
        why = f"cannot be decoded at frame {index} of {n_frames}, it may be cut off: {_short(error)}"
        return DecodeFailed(self._item, why)


def _short(error: BaseException) -> str:
    """decord's messages hold C++ places and stack traces: the words of the first line, without them."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"\[[\d:]+\]\s*|\S+\.cc:\d+:\s*", "", line).strip()[:120] or type(error).__name__
