"""A video file as frames: decoded once, in order, in bounded memory, each with its PTS.

Letters: H height, W width. Frames are RGB uint8 (H, W, 3); rotation metadata is applied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.pictures import Pictures
from harvest.errors import DecodeFailed, TooLong, TooManyPixels
from harvest.video.timing import Timing, keep_mask, read_timing, working_rate


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
    """The working rate: HMMR's (docs/paper.md 1.6). Slower video keeps its own."""
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
        width, height = self.timing.coded
        if width * height > max_pixels:
            raise TooManyPixels(item, f"frames are {width} x {height}, the limit is {max_pixels} pixels")
        self._pictures = Pictures(path, max_side=config.max_side, threads=config.threads)
        if self._pictures.size is None:
            raise self._ended(0)
        self.height, self.width = self._pictures.size

    def frames(self) -> Iterator[Frame]:
        """The frames that the working rate keeps, in order, once. DecodeFailed if the file ends before its index."""
        pictures = iter(self._pictures)
        # pictures that an edit list hides are decoded for others' sake and never come out
        shown = np.flatnonzero(self.timing.shown_F)
        last = int(np.flatnonzero(self.keep_F)[-1]) if self.keep_F.any() else -1
        for index in shown[shown <= last].tolist():
            pixels = next(pictures, None)
            if pixels is None:
                raise self._ended(index)
            if self.keep_F[index]:
                yield Frame(index, int(self.timing.pts_F[index]), pixels)
        self._pictures.close()

    def _ended(self, index: int) -> DecodeFailed:
        self._pictures.close()
        why = self._pictures.complaint or "no more pictures"
        return DecodeFailed(
            self._item, f"cannot be decoded at frame {index} of {self.n_frames}, it may be cut off: {why}"
        )
