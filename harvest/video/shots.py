"""Where one shot ends and the next begins, in one pass with a short look ahead.

Hard cuts: the picture changes much more than its neighbours do, and does not come back within a few frames (a
flash does). Fades: pictures without content (black, white) between pictures with content. Dissolves: a picture
halfway is a blend of the pictures before and after. All on thumbnails, so it costs well under a millisecond.
Thresholds: chosen on films with known cuts and on clips joined by ffmpeg (docs/LOG.md).
Letters: H, W of a picture, h rows of a thumbnail, X numbers of a row.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from harvest.video.decode import Frame

_WIDTH, _HEIGHT = 32, 24
_SAME_SCENE = 0.6
"""Pictures nearer than this part of a cut's distance may be one scene."""


@dataclass(frozen=True)
class ShotConfig:
    """Thresholds are in units of `distance` below, 0 to 1."""

    cut: float = 0.16
    """Least distance over a hard cut."""
    ratio: float = 3.0
    """How much larger than the median step around it: a fast pan is large everywhere."""
    clear_step: float = 0.05
    """Least distance over a hard cut that stands out: between places that look alike, in a quiet picture."""
    clear_ratio: float = 8.0
    """How much larger than every other step around it such a cut is. 40 joins of synthetic clips: 14 and more; no other
    step of theirs is above 0.02."""
    flash_frames: int = 3
    """Longest flash, in frames: after it the picture from before comes back."""
    blank_range: float = 0.08
    """A picture in which every colour channel (0 to 1) varies by less than this has no content."""
    dissolve: float = 0.1
    """Least distance between the two ends of a dissolve: of places that look alike it is well below `cut`."""
    dissolve_rest: float = 0.3
    """How much of the change over a dissolve may be no blend of its two ends: a moving camera leaves much more."""
    dissolve_alike: float = 0.6
    """Ends that correlate more are one scene under changing light. At 0.8 a dissolve of 20 frames is found more often,
    and a picture that slowly gets brighter is cut ten times as often (docs/LOG.md)."""
    window: int = 6
    """Frames looked ahead of, and behind, each picture."""


@dataclass(frozen=True)
class ShotFrame:
    """A frame and the shot that it belongs to."""

    frame: Frame
    shot_index: int
    starts: bool
    """True for the first frame of its shot."""
    change: float = 255.0
    """The largest difference to the frame before in any cell of 128 x 96, in levels of 255."""


@dataclass(frozen=True)
class _Thumb:
    small: NDArray[np.uint8]
    rgb: NDArray[np.float32]
    histogram: NDArray[np.float32]
    blank: bool


def split_shots(frames: Iterable[Frame], config: ShotConfig) -> Iterator[ShotFrame]:
    """Yields each frame with its shot, `config.window` frames after it came in."""
    waiting: deque[Frame] = deque()
    thumbs: deque[_Thumb] = deque(maxlen=2 * config.window + 1)
    shot, length = 0, 0

    def decide(at: int) -> ShotFrame:
        nonlocal shot, length
        cut = length > 0 and _is_boundary(list(thumbs), at, length, config)
        shot, length = shot + cut, 1 if cut else length + 1
        change = float(cv2.absdiff(thumbs[at - 1].small, thumbs[at].small).max()) if at > 0 else 255.0
        return ShotFrame(waiting.popleft(), shot, length == 1, change)

    for frame in frames:
        waiting.append(frame)
        thumbs.append(_thumb(frame, config))
        if len(waiting) > config.window:
            yield decide(len(thumbs) - 1 - config.window)
    while waiting:
        yield decide(len(thumbs) - len(waiting))


def _thumb(frame: Frame, config: ShotConfig) -> _Thumb:
    from scipy.ndimage import gaussian_filter1d

    small = shrink(frame.pixels_HW3, 4 * _WIDTH, 4 * _HEIGHT)
    ycc = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
    counts = np.stack([cv2.calcHist([ycc], [k], None, [64], [0, 256]).ravel() for k in range(3)])
    rgb = cv2.resize(small, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    # blurred, because a flat ground that lies on the border of two bins jumps between them from frame to frame
    histogram = gaussian_filter1d(counts / counts.sum(axis=1, keepdims=True), 5.0, axis=1, mode="reflect")
    return _Thumb(
        np.asarray(small, np.uint8),
        rgb,
        histogram.astype(np.float32),
        bool(np.ptp(rgb, axis=(0, 1)).max() < config.blank_range),
    )


def distance(a: _Thumb, b: _Thumb) -> float:
    """0 for equal pictures, 1 for black against white: half mean colour difference, half the difference of the
    histograms of luma and both chromas."""
    spread = 0.5 * np.abs(a.histogram - b.histogram).sum(axis=1).mean()
    return float(np.abs(a.rgb - b.rgb).mean() + spread) / 2


def _is_boundary(thumbs: list[_Thumb], at: int, length: int, config: ShotConfig) -> bool:
    """Whether a shot starts at thumbs[at]; the shot before it has `length` frames so far."""
    if thumbs[at - 1].blank and not thumbs[at].blank:
        return _after_blank(thumbs, at, config)
    return _is_cut(thumbs, at, config) or (length > config.window and _is_dissolve(thumbs, at, config))


def _after_blank(thumbs: list[_Thumb], at: int, config: ShotConfig) -> bool:
    """Pictures come back after some without content: a fade, unless it was a flash."""
    blanks = next((k for k in range(1, at + 1) if not thumbs[at - k].blank), at + 1) - 1
    if blanks > config.flash_frames or blanks == at:
        return True
    return distance(thumbs[at - blanks - 1], thumbs[at]) >= _SAME_SCENE * config.cut


def _is_cut(thumbs: list[_Thumb], at: int, config: ShotConfig) -> bool:
    reach = config.flash_frames + 1
    before, after = thumbs[max(0, at - reach) : at], thumbs[at : at + reach]
    step = distance(before[-1], after[0])
    if step < min(config.cut, config.clear_step) or after[0].blank:
        return False
    others = [distance(a, b) for i, (a, b) in enumerate(itertools.pairwise(thumbs)) if i != at - 1]
    large = step >= config.cut and (not others or step >= config.ratio * float(np.median(others)))
    clear = bool(others) and step >= config.clear_step and step >= config.clear_ratio * max(others)
    if not (large or clear):
        return False
    return min(distance(a, b) for a in before for b in after) >= _SAME_SCENE * min(step, config.cut)


def _is_dissolve(thumbs: list[_Thumb], at: int, config: ShotConfig) -> bool:
    """Whether thumbs[at] lies halfway in a series of blends of two different pictures."""
    if not config.window <= at < len(thumbs) - config.window:
        return False
    first, last = thumbs[at - config.window], thumbs[at + config.window]
    change = float(np.abs(first.rgb - last.rgb).mean())
    if first.blank or last.blank or distance(first, last) < config.dissolve:
        return False
    if _alike(first, last) > config.dissolve_alike:
        return False
    along = [float(((thumb.rgb - first.rgb) * (last.rgb - first.rgb)).sum()) for thumb in thumbs]
    whole = float(((last.rgb - first.rgb) ** 2).sum())
    inner = range(at - config.window + 2, at + config.window - 1, 2)
    rests = [np.abs(thumbs[k].rgb - first.rgb - along[k] / whole * (last.rgb - first.rgb)).mean() for k in inner]
    halfway = 0.35 < along[at] / whole < 0.65
    return halfway and float(max(rests)) < config.dissolve_rest * change


def _alike(a: _Thumb, b: _Thumb) -> float:
    """Correlation of two pictures' luma: near 1 for one scene under other light."""
    luma_a, luma_b = a.rgb.mean(axis=2).ravel(), b.rgb.mean(axis=2).ravel()
    return float(np.corrcoef(luma_a, luma_b)[0, 1])


_LARGE = 500_000
"""Pixels of a picture from which on adding whole rows first is faster than OpenCV's own loop, by three times."""


def shrink(pixels_HW3: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) thumbnail, each pixel the mean of its area: cv2.resize with INTER_AREA, faster on large
    pictures. A mean of exactly a half may round the other way."""
    high, wide = pixels_HW3.shape[:2]
    if high * wide < _LARGE or high < 2 * height or wide < width:
        return np.asarray(cv2.resize(pixels_HW3, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    rows_hW3 = _mean_rows(pixels_HW3.reshape(high, wide * 3), height).reshape(height, wide, 3)
    return np.asarray(np.rint(cv2.resize(rows_hW3, (width, height), interpolation=cv2.INTER_AREA)), np.uint8)


def _mean_rows(rows_HX: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
    """(count, X) means over `count` equal stretches of the H rows; a row that two stretches share counts in both, by
    the part that lies inside."""
    edges = np.arange(count + 1) * (len(rows_HX) / count)
    first, last = np.ceil(edges[:-1]).astype(int), np.floor(edges[1:]).astype(int)
    total = np.empty((count, rows_HX.shape[1]), np.float32)
    for k, (low, high) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        cv2.reduce(rows_HX[low:high], 0, cv2.REDUCE_SUM, total[k : k + 1], cv2.CV_32F)
    before, after = (first - edges[:-1]).astype(np.float32), (edges[1:] - last).astype(np.float32)
    total += rows_HX[np.maximum(first - 1, 0)] * before[:, None]
    total += rows_HX[np.minimum(last, len(rows_HX) - 1)] * after[:, None]
    return np.asarray(total / np.float32(len(rows_HX) / count), np.float32)
