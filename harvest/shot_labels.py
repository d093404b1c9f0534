"""One shot becomes tracks and φ in one pass: pixels are held only until the boxes around them can no longer change.

A smoothed box depends on the keypoints of SUPPORT_FRAMES on both sides, a run's edge on the median filter and on
gaps that may still be bridged. So φ of a frame is computed that much later, in batches, and its pixels are dropped.
Letters: T frames of a track, n frame of the shot, N crops of a batch, D feature dimension.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend
from harvest.boxes import SUPPORT_FRAMES, smooth_boxes
from harvest.bystanders import bystanders, candidates_of
from harvest.config import LabelConfig
from harvest.decode import Frame
from harvest.filters import Rejection, Run, candidates, clean
from harvest.people import Observer
from harvest.remembered import RememberedPhi
from harvest.sides import repair_sides
from harvest.track import Track

SETTLED_FRAMES = 16
"""Frames before a stretch that say which side is which in it."""


@dataclass
class TrackLabels:
    """What is known of one track's frames besides its keypoints, by frame n of the shot."""

    boxes: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    feature_rows: list[dict[int, int]] = field(default_factory=list)
    """For each φ where in its store the features of a frame are: they stay on the disk."""


@dataclass(frozen=True)
class Person:
    """A finished track: its runs that are kept, its stretches that are not."""

    track: Track
    labels: TrackLabels
    runs: Sequence[Run]
    rejected: Sequence[Rejection]


class ShotLabeller:
    """Push the frames of one shot in order, then `finish`."""

    def __init__(self, backend: PoseBackend, phis: Sequence[RememberedPhi], config: LabelConfig, rate: float) -> None:
        self._config, self._phis, self._rate = config, phis, rate
        self._observer = Observer(backend, config.people, config.track, rate)
        needed = SUPPORT_FRAMES + self._observer.linker.max_gap + config.preset.median_frames // 2 + 1
        self._delay = max(needed, config.preset.min_frames)
        self._lookback = SUPPORT_FRAMES + self._observer.linker.max_gap + 1
        self._pixels: dict[int, NDArray[np.uint8]] = {}
        self._batch: list[NDArray[np.uint8]] = []
        self._labels: dict[int, TrackLabels] = {}
        self._done = 0
        self.frame_index: list[int] = []
        self.pts: list[int] = []

    def push(self, frame: Frame) -> None:
        """The next frame."""
        self._pixels[len(self.pts)] = frame.pixels_HW3
        self.frame_index.append(frame.index)
        self.pts.append(frame.pts)
        self._batch.append(frame.pixels_HW3)
        if len(self._batch) == self._config.phi_every:
            self._observe()
            self._features_until(len(self.pts) - self._delay)

    def finish(self) -> list[Person]:
        """All people of the shot, in the order in which they appeared."""
        self._observe()
        self._features_until(len(self.pts))
        preset, tracks = self._config.preset, self._observer.linker.tracks
        cleaned = [clean(track.keypoints, track.observed, preset, self._rate) for track in tracks]
        found = [
            each
            for i, track in enumerate(tracks)
            for each in candidates_of(i, track.start, track.keypoints, cleaned[i][0], preset)
        ]
        idle = bystanders(found, preset)
        people = []
        for i, track in enumerate(tracks):
            runs, rejected = cleaned[i]
            kept = [run for run in runs if (i, run.start) not in idle]
            also = [why for (person, _), why in idle.items() if person == i]
            people.append(Person(track, self._of(i), kept, [*rejected, *also]))
        return people

    def _observe(self) -> None:
        self._observer.push(self._batch)
        self._batch = []

    def _of(self, i: int) -> TrackLabels:
        if i not in self._labels:
            self._labels[i] = TrackLabels(feature_rows=[{} for _ in self._phis])
        return self._labels[i]

    def _features_until(self, stop: int) -> None:
        """φ of every candidate frame before `stop` that has none yet; their pixels are dropped."""
        if stop <= self._done:
            return
        wanted: list[tuple[int, int, NDArray[np.float32]]] = []
        for i, track in enumerate(self._observer.linker.tracks):
            if track.end > self._done:
                self._repair_sides(track, stop)
                wanted += [(i, n, box) for n, box in self._boxes_between(track, self._done, stop)]
        self._compute(wanted)
        for n in range(self._done, stop):
            del self._pixels[n]
        self._done = stop

    def _repair_sides(self, track: Track, stop: int) -> None:
        """Put left and right of the frames up to `stop` right, in place: boxes and counts of joints stay as they are,
        and the linker looks at the last frame only. The frames after `stop` that are known help to decide."""
        if self._config.sides is None:
            return
        low, high = max(self._done, track.start) - track.start, min(stop, track.end) - track.start
        begin = max(0, low - SETTLED_FRAMES)
        repaired, _ = repair_sides(track.keypoints[begin:], self._config.sides, settled=low - begin)
        track.keypoints[low:high] = repaired[low - begin : high - begin]

    def _boxes_between(self, track: Track, first: int, stop: int) -> list[tuple[int, NDArray[np.float32]]]:
        """(n, box) of the candidate frames first <= n < stop of a track."""
        found = []
        for run in candidates(track.keypoints, track.observed, self._config.preset):
            low, high = max(run.start, first - track.start), min(run.stop, stop - track.start)
            if low >= high:
                continue
            begin, end = max(run.start, low - self._lookback), min(run.stop, high + self._lookback)
            boxes = smooth_boxes(track.keypoints[begin:end], self._config.preset.visible_score)
            found += [(track.start + k, boxes[k - begin]) for k in range(low, high)]
        return found

    def _compute(self, wanted: Sequence[tuple[int, int, NDArray[np.float32]]]) -> None:
        if not wanted:
            return
        tracks = self._observer.linker.tracks
        frames = [self._pixels[n] for _, n, _ in wanted]
        boxes = np.stack([box for _, _, box in wanted])
        keypoints = np.stack([tracks[i].keypoints[n - tracks[i].start] for i, n, _ in wanted])
        for i, n, box in wanted:
            self._of(i).boxes[n] = box
        for p, phi in enumerate(self._phis):
            for (i, n, _), row in zip(wanted, phi.rows(frames, boxes, keypoints), strict=True):
                self._of(i).feature_rows[p][n] = row
