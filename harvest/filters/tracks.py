"""Tracks become runs worth keeping; what is not kept is a rejection with its reason, value and threshold.

Letters: T frames of a track. Keypoints (T, 25, 3); frames count from the track's start; ranges are [start, stop).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import medfilt

from body.boxes import diagonals, keypoint_boxes
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.filters.one_person import cut_off, posture_change, too_fast, too_long
from harvest.filters.presets import Preset

HEAD_AND_SHOULDERS = frozenset(
    ["right_shoulder", "left_shoulder", "neck", "head_top", "nose", "left_eye", "right_eye", "left_ear", "right_ear"]
)
"""Joints that alone do not make a useful frame (docs/paper.md 3.3)."""

_LIMBS = indices(LIMBS_12, KEYPOINTS_25)
_BELOW = np.array([name not in HEAD_AND_SHOULDERS for name in KEYPOINTS_25])


@dataclass(frozen=True)
class Run:
    """Frames start .. stop - 1 of a track, kept."""

    start: int
    stop: int


@dataclass(frozen=True)
class Rejection:
    """Frames start .. stop - 1 of a track, not kept, and why."""

    start: int
    stop: int
    reason: str
    measured: float
    threshold: float


@dataclass(frozen=True)
class _Part:
    """What one run is judged by."""

    keypoints_TJ3: NDArray[np.float32]
    visible_TJ: NDArray[np.bool_]
    rate: float
    picture: tuple[int, int] | None


def clean(
    keypoints_TJ3: NDArray[np.float32],
    observed_T: NDArray[np.bool_],
    preset: Preset,
    rate: float = 25.0,
    *,
    picture: tuple[int, int] | None = None,
    frozen_T: NDArray[np.bool_] | None = None,
) -> tuple[list[Run], list[Rejection]]:
    """Every frame of the track lands in exactly one run or one rejection. `rate`: frames a second. Without the
    (width, height) of the picture in px nobody is cut off; without `frozen_T` (one_person.py) no picture stays."""
    visible_TJ = keypoints_TJ3[:, :, 2] >= preset.visible_score
    counts_T, spans = _spans(visible_TJ, observed_T, preset)
    runs: list[Run] = []
    rejected = list(_between(spans, counts_T, preset))
    parts, frozen = _thawed(spans, frozen_T, preset, rate)
    for start, stop in parts:
        part = _Part(keypoints_TJ3[start:stop], visible_TJ[start:stop], rate, picture)
        fault = next(_faults(part, preset), None)
        if fault:
            rejected.append(Rejection(start, stop, *fault))
            continue
        end = stop if preset.max_frames is None else min(stop, start + preset.max_frames)
        runs.append(Run(start, end))
        if end < stop:
            rejected.append(Rejection(end, stop, "beyond_max_frames", stop - start, preset.max_frames or 0))
    return runs, sorted([*rejected, *frozen], key=lambda each: each.start)


def candidates(keypoints_TJ3: NDArray[np.float32], observed_T: NDArray[np.bool_], preset: Preset) -> list[Run]:
    """What `clean` may keep, judged from a track that still goes on: all its runs and perhaps more."""
    _, spans = _spans(keypoints_TJ3[:, :, 2] >= preset.visible_score, observed_T, preset)
    return [Run(start, stop) for start, stop in spans if stop - start >= preset.min_frames]


def _spans(
    visible_TJ: NDArray[np.bool_], observed_T: NDArray[np.bool_], preset: Preset
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    counts_T = _smooth_counts(visible_TJ.sum(axis=1), observed_T, preset)
    return counts_T, list(_every_run(counts_T, preset) if preset.every_run else _first_run(counts_T, preset))


def _smooth_counts(counts_T: NDArray[np.int64], observed_T: NDArray[np.bool_], preset: Preset) -> NDArray[np.int64]:
    """Visible joints, median-filtered. The paper's filter pads with zeros; ours repeats the ends and takes a bridged
    frame to show what the frame before it did, since the linker vouches for short gaps."""
    if not preset.every_run:
        long_enough = len(counts_T) >= preset.median_frames
        return np.asarray(medfilt(counts_T, preset.median_frames) if long_enough else counts_T, dtype=np.int64)
    last_seen = np.maximum.accumulate(np.where(observed_T, np.arange(len(counts_T)), 0))
    return np.asarray(median_filter(counts_T[last_seen], size=preset.median_frames, mode="nearest"))


def _first_run(counts_T: NDArray[np.int64], preset: Preset) -> Iterator[tuple[int, int]]:
    """The released code's: from the first frame above the start threshold (the very first frame if there is none,
    as argmax has it) to the first later one at or below the stop threshold. The rest of the track is dropped."""
    start = int(np.argmax(counts_T > preset.start_above))
    low = np.flatnonzero(counts_T[start:] <= preset.stop_at)
    stop = start + int(low[0]) if len(low) else len(counts_T)
    if stop > start:
        yield start, stop


def _every_run(counts_T: NDArray[np.int64], preset: Preset) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for n, count in enumerate(counts_T.tolist()):
        if start is None and count > preset.start_above:
            start = n
        elif start is not None and count <= preset.stop_at:
            yield start, n
            start = None
    if start is not None:
        yield start, len(counts_T)


def _thawed(
    spans: list[tuple[int, int]], frozen_T: NDArray[np.bool_] | None, preset: Preset, rate: float
) -> tuple[list[tuple[int, int]], list[Rejection]]:
    """The spans without the stretches in which the picture stands still, and those."""
    if frozen_T is None or preset.frozen_s <= 0:
        return spans, []
    parts, frozen = [], []
    for start, stop in spans:
        edges = np.flatnonzero(np.diff(frozen_T[start:stop].astype(np.int8))) + 1 + start
        for low, high in itertools.pairwise([start, *edges.tolist(), stop]):
            if frozen_T[low]:
                frozen.append(Rejection(low, high, "frozen", (high - low) / rate, preset.frozen_s))
            else:
                parts.append((low, high))
    return parts, frozen


def _faults(part: _Part, preset: Preset) -> Iterator[tuple[str, float, float]]:
    """(reason, measured, threshold) of what is wrong with a run, the cheapest first."""
    keypoints_TJ3, visible_TJ = part.keypoints_TJ3, part.visible_TJ
    if len(keypoints_TJ3) < preset.min_frames:
        yield "too_short", len(keypoints_TJ3), preset.min_frames
    share = float((~visible_TJ[:, _BELOW].any(axis=1)).mean())
    if share >= preset.upper_only_share:
        yield "upper_body_only", share, preset.upper_only_share
    if preset.min_motion > 0 and (moved := motion(keypoints_TJ3, visible_TJ)) < preset.min_motion:
        yield "still", moved, preset.min_motion
    if preset.min_posture > 0 and (changed := posture_change(keypoints_TJ3, visible_TJ)) < preset.min_posture:
        yield "photograph", changed, preset.min_posture
    if preset.max_cut_off < 1 and (cut := cut_off(keypoints_TJ3, part.picture, preset.cut_joints)) > preset.max_cut_off:
        yield "cut_off", cut, preset.max_cut_off
    if preset.max_fast < 1 and (fast := too_fast(keypoints_TJ3, visible_TJ, part.rate)) > preset.max_fast:
        yield "too_fast", fast, preset.max_fast
    if preset.max_long < 1 and (long := too_long(keypoints_TJ3, visible_TJ)) > preset.max_long:
        yield "stretched", long, preset.max_long


def motion(keypoints_TJ3: NDArray[np.float32], visible_TJ: NDArray[np.bool_]) -> float:
    """How much a person moves: the median over limb joints of the deviation of its place (both axes together), over
    the median diagonal of the visible joints. inf if that cannot be said: no limb seen twice."""
    xy = np.where(visible_TJ[:, _LIMBS, None], keypoints_TJ3[:, _LIMBS, :2], np.nan)
    often = visible_TJ[:, _LIMBS].sum(axis=0) >= 2
    boxes, there = keypoint_boxes(np.where(visible_TJ[:, :, None], keypoints_TJ3, 0), 0.0)
    if not often.any() or not there.any():
        return float("inf")
    deviation_J = np.sqrt(np.nanvar(xy[:, often], axis=0, dtype=np.float64).sum(axis=1))
    return float(np.median(deviation_J) / np.median(diagonals(boxes[there])))


def _between(spans: list[tuple[int, int]], counts_T: NDArray[np.int64], preset: Preset) -> Iterator[Rejection]:
    """The stretches outside every span, with the mean of visible joints there."""
    edges = [0, *[edge for span in spans for edge in span], len(counts_T)]
    after_first = False
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop > start:
            dropped = after_first and not preset.every_run
            reason, threshold = ("after_first_run", preset.stop_at) if dropped else ("few_joints", preset.start_above)
            yield Rejection(start, stop, reason, float(counts_T[start:stop].mean()), threshold)
        after_first = True
