"""Cuts a track into runs that are kept, and rejections with their reason, measured value and threshold.

Letters: T frames of a track, J 25 joints. Keypoints are (T, 25, 3): x, y px, score. Frames count from the track's
start; ranges are [start, stop).
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25
from harvest.filters.one_person import Part, cut_off, motion, posture_change, too_fast, too_long
from harvest.filters.presets import Preset
from harvest.tracking.track import limb_score

HEAD_AND_SHOULDERS = frozenset(
    ["right_shoulder", "left_shoulder", "neck", "head_top", "nose", "left_eye", "right_eye", "left_ear", "right_ear"]
)
"""A frame that shows only these does not help training (docs/paper.md 3.3)."""

_BELOW = np.array([name not in HEAD_AND_SHOULDERS for name in KEYPOINTS_25])


@dataclass(frozen=True)
class Run:
    """Frames start .. stop - 1 of a track are kept."""

    start: int
    stop: int


@dataclass(frozen=True)
class Rejection:
    """Frames start .. stop - 1 of a track are not kept, because `measured` is beyond `threshold`."""

    start: int
    stop: int
    reason: str
    measured: float
    threshold: float


MEASURES: Mapping[str, Callable[[Part], float]] = {
    "too_fast": lambda part: too_fast(part.keypoints_TJ3, part.visible_TJ, part.rate),
    "stretched": lambda part: too_long(part.keypoints_TJ3, part.visible_TJ),
    "cut_off": lambda part: cut_off(part.keypoints_TJ3, part.picture, joints=2),
}
"""Filters that `hmmr harvest run --filter NAME=LIMIT` adds to a preset: a run whose measure is above the limit is
rejected, with the name as its reason. docs/extending.md adds one."""


def clean(
    keypoints_TJ3: NDArray[np.float32],
    observed_T: NDArray[np.bool_],
    preset: Preset,
    rate: float = 25.0,
    *,
    picture: tuple[int, int] | None = None,
    frozen_T: NDArray[np.bool_] | None = None,
) -> tuple[list[Run], list[Rejection]]:
    """The kept runs and the rejections of a track; every frame is in exactly one of them. `rate`: frames/s. `picture`:
    (width, height) px, without which nobody counts as cut off. `frozen_T`: frames in which the picture stands still
    (`frozen_frames`)."""
    visible_TJ = keypoints_TJ3[:, :, 2] >= preset.visible_score
    counts_T, spans = _spans(visible_TJ, observed_T, preset)
    runs: list[Run] = []
    rejected = list(_between(spans, counts_T, preset))
    parts, frozen = _thawed(spans, frozen_T, preset, rate)
    for start, stop in parts:
        part = Part(keypoints_TJ3[start:stop], visible_TJ[start:stop], rate, picture)
        fault = next(_faults(part, preset), None)
        if fault:
            rejected.append(Rejection(start, stop, *fault))
            continue
        end = stop if preset.max_frames is None else min(stop, start + preset.max_frames)
        runs.append(Run(start, end))
        if end < stop:
            rejected.append(Rejection(end, stop, "beyond_max_frames", stop - start, preset.max_frames or 0))
    return runs, sorted([*rejected, *frozen], key=lambda rejection: rejection.start)


def candidates(keypoints_TJ3: NDArray[np.float32], observed_T: NDArray[np.bool_], preset: Preset) -> list[Run]:
    """Runs of a track that still grows which `clean` may keep later: all those that it will keep, and perhaps more."""
    _, spans = _spans(keypoints_TJ3[:, :, 2] >= preset.visible_score, observed_T, preset)
    return [Run(start, stop) for start, stop in spans if stop - start >= preset.min_frames]


def _spans(
    visible_TJ: NDArray[np.bool_], observed_T: NDArray[np.bool_], preset: Preset
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    counts_T = _smooth_counts(visible_TJ.sum(axis=1), observed_T, preset)
    return counts_T, list(_every_run(counts_T, preset) if preset.every_run else _first_run(counts_T, preset))


def _smooth_counts(counts_T: NDArray[np.int64], observed_T: NDArray[np.bool_], preset: Preset) -> NDArray[np.int64]:
    """(T) visible joints, median-filtered. The filter of HMMR's code pads with zeros; ours repeats the ends, and counts
    in a bridged frame the joints of the frame before it."""
    if not preset.every_run:
        from scipy.signal import medfilt  # a third of a second, and no default preset needs it

        long_enough = len(counts_T) >= preset.median_frames
        return np.asarray(medfilt(counts_T, preset.median_frames) if long_enough else counts_T, dtype=np.int64)
    from scipy.ndimage import median_filter

    last_seen = np.maximum.accumulate(np.where(observed_T, np.arange(len(counts_T)), 0))
    return np.asarray(median_filter(counts_T[last_seen], size=preset.median_frames, mode="nearest"))


def _first_run(counts_T: NDArray[np.int64], preset: Preset) -> Iterator[tuple[int, int]]:
    """As in HMMR's released code: from the first frame above the start threshold (the track's first frame if there is
    none) to the first later one at or below the stop threshold. The rest of the track is dropped."""
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
    """The spans without their frozen stretches, and the frozen stretches as rejections."""
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


def _faults(part: Part, preset: Preset) -> Iterator[tuple[str, float, float]]:
    """(reason, measured, threshold) of each filter that the run fails, the cheapest filter first."""
    keypoints_TJ3, visible_TJ = part.keypoints_TJ3, part.visible_TJ
    observed_T = (keypoints_TJ3[..., 2] > 0).any(axis=1)
    if len(keypoints_TJ3) < preset.min_frames:
        yield "too_short", len(keypoints_TJ3), preset.min_frames
    if (observed := int(observed_T.sum())) < preset.min_observed:
        yield "too_short", observed, preset.min_observed
    if preset.min_score > 0 and (score := limb_score(keypoints_TJ3[observed_T])) < preset.min_score:
        yield "low_score", score, preset.min_score
    share = float((~visible_TJ[observed_T][:, _BELOW].any(axis=1)).mean()) if observed else 1.0
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
    for name, limit in preset.limits:
        if (measured := MEASURES[name](part)) > limit:
            yield name, measured, limit


def _between(spans: list[tuple[int, int]], counts_T: NDArray[np.int64], preset: Preset) -> Iterator[Rejection]:
    """Rejections of the stretches outside all spans; `measured` is their mean number of visible joints."""
    edges = [0, *[edge for span in spans for edge in span], len(counts_T)]
    after_first = False
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop > start:
            dropped = after_first and not preset.every_run
            reason, threshold = ("after_first_run", preset.stop_at) if dropped else ("few_joints", preset.start_above)
            yield Rejection(start, stop, reason, float(counts_T[start:stop].mean()), threshold)
        after_first = True
