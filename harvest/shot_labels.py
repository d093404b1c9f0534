"""One shot becomes tracks and φ in one pass: pixels are held only until the boxes around them can no longer change.

A smoothed box depends on the keypoints of SUPPORT_FRAMES on both sides, a run's edge on the median filter and on
gaps that may still be bridged. So φ of a frame is computed that much later, in batches, and its pixels are dropped.
Letters: T frames of a track, n frame of the shot, N crops of a batch, D feature dimension.

Numbers of a shot's frames in one growing array: a dict of them holds a frame in 300 bytes instead of 24.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from body.boxes import SUPPORT_FRAMES, smooth_boxes
from harvest.backends.protocol import PoseBackend
from harvest.config import LabelConfig
from harvest.filters.one_person import frozen_frames
from harvest.filters.tracks import Rejection, Run, candidates, clean
from harvest.filters.two_people import bystanders, candidates_of, in_the_way
from harvest.network_cache import Beside, CachedPhi
from harvest.stored import Finishing
from harvest.tracking.people import Observer
from harvest.tracking.sides import SidesConfig, repair_stretch
from harvest.tracking.track import Track
from harvest.video.decode import Frame
from harvest.video.overlap import Overlap

Scalar = TypeVar("Scalar", bound=np.generic)


class ByFrame(Generic[Scalar]):
    """A row of numbers for some frames n of a shot. Frames in between that have none cost as much."""

    def __init__(self, row: tuple[int, ...], dtype: type[Scalar]) -> None:
        """`row`: the shape of one frame's numbers."""
        self._rows: NDArray[Scalar] = np.zeros((0, *row), dtype)
        self._known = np.zeros(0, dtype=bool)
        self._first = 0

    def __setitem__(self, n: int, row: ArrayLike) -> None:
        """In any order, but the first one first: ValueError for a frame before it."""
        if not len(self._known):
            self._first = n
        if n < self._first:
            raise ValueError(f"frame {n} is before frame {self._first}")
        while n - self._first >= len(self._known):
            more = max(16, len(self._known) // 4)
            self._rows = np.concatenate([self._rows, np.zeros((more, *self._rows.shape[1:]), self._rows.dtype)])
            self._known = np.concatenate([self._known, np.zeros(more, dtype=bool)])
        self._rows[n - self._first] = row
        self._known[n - self._first] = True

    def between(self, first: int, stop: int) -> NDArray[Scalar]:
        """(stop - first, ...) a copy of the rows of these frames. KeyError if one has none."""
        low, high = first - self._first, stop - self._first
        known = self._known[max(low, 0) : high]
        if low < 0 or len(known) < high - low or not known.all():
            raise KeyError(f"frames {first} to {stop - 1} are not all known")
        return self._rows[low:high].copy()


@dataclass
class TrackLabels:
    """What is known of one track's frames besides its keypoints, by frame n of the shot."""

    boxes: ByFrame[np.float32] = field(default_factory=lambda: ByFrame((4,), np.float32))
    feature_rows: list[ByFrame[np.int64]] = field(default_factory=list)
    """For each φ where in its store the features of a frame are: they stay on the disk."""


@dataclass(frozen=True)
class Person:
    """A finished track: its runs that are kept, its stretches that are not."""

    track: Track
    keypoints: NDArray[np.float32]
    """(T, 25, 3) as they are stored; the track's own are what was judged."""
    labels: TrackLabels
    runs: Sequence[Run]
    rejected: Sequence[Rejection]


class ShotLabeller:
    """Push the frames of one shot in order, then `finish`."""

    def __init__(
        self, backend: PoseBackend, phis: Sequence[CachedPhi], config: LabelConfig, rate: float, overlap: Overlap
    ) -> None:
        """φ is computed behind the caller's back where `overlap` has threads for it; `finish` waits for the last."""
        self._config, self._phis, self._rate, self._overlap = config, phis, rate, overlap
        self._observer = Observer(backend, config.people, config.track, rate)
        needed = SUPPORT_FRAMES + self._observer.linker.max_gap + config.preset.median_frames // 2 + 1
        self._delay = max(needed, config.preset.min_frames)
        self._lookback = SUPPORT_FRAMES + self._observer.linker.max_gap + 1
        self._pixels: dict[int, NDArray[np.uint8]] = {}
        self._batch: list[NDArray[np.uint8]] = []
        self._labels: dict[int, TrackLabels] = {}
        self._done = self._sided = 0
        self.frame_index = array("q")
        self.pts = array("q")
        self._change = array("f")
        self._picture: tuple[int, int] | None = None

    def push(self, frame: Frame, change: float) -> None:
        """The next frame, and how much its picture differs from the one before (ShotFrame.change)."""
        self._change.append(change)
        self._picture = (frame.pixels_HW3.shape[1], frame.pixels_HW3.shape[0])
        self._pixels[len(self.pts)] = frame.pixels_HW3
        self.frame_index.append(frame.index)
        self.pts.append(frame.pts)
        self._batch.append(frame.pixels_HW3)
        if len(self._batch) == self._config.phi_every:
            self._observe()
            self._settle()

    def finish(self, finishing: Finishing) -> list[Person]:
        """All people of the shot, in the order in which they appeared."""
        self._observe()
        self._settle(over=True)
        self._overlap.wait()
        preset, tracks = self._config.preset, self._observer.linker.tracks
        frozen_N = frozen_frames(np.array(self._change), self._rate, preset.frozen_s)
        cleaned = [
            clean(
                track.keypoints, track.observed, preset, self._rate,
                picture=self._picture, frozen_T=frozen_N[track.start : track.end],
            )
            for track in tracks
        ]  # fmt: skip
        found = [
            each
            for i, track in enumerate(tracks)
            for each in candidates_of(i, track.start, track.keypoints, cleaned[i][0], preset)
        ]
        refused = in_the_way(found, tracks, preset) | bystanders(found, preset)
        people = []
        for i, track in enumerate(tracks):
            runs, rejected = cleaned[i]
            kept = [run for run in runs if (i, run.start) not in refused]
            also = [why for (person, _), why in refused.items() if person == i]
            stored = finishing.keypoints(track, kept, self._rate)
            people.append(Person(track, stored, self._of(i), kept, [*rejected, *also]))
        return people

    def _observe(self) -> None:
        self._observer.push(self._batch)
        self._batch = []

    def _of(self, i: int) -> TrackLabels:
        if i not in self._labels:
            self._labels[i] = TrackLabels(feature_rows=[ByFrame((), np.int64) for _ in self._phis])
        return self._labels[i]

    def _settle(self, *, over: bool = False) -> None:
        """Decide all that more frames cannot change; everything, if the shot is over."""
        known = len(self.pts)
        stop = known if over else known - self._delay
        if self._config.sides is not None:
            self._repair_sides(self._config.sides, known, over)
            stop = min(stop, self._sided)
        self._features_until(stop, over=over)

    def _repair_sides(self, sides: SidesConfig, known: int, over: bool) -> None:
        """Stretch by stretch, in place: boxes and counts of joints stay as they are, and the linker compares with
        frames that are not decided yet."""
        linker = self._observer.linker
        after = max(sides.after, linker.max_gap + 1)
        while self._sided + sides.stretch + after <= known or (over and self._sided < known):
            high = self._sided + sides.stretch
            for track in linker.tracks:
                repair_stretch(track, self._sided, high, high + after, sides)
            self._sided = min(high, known)

    def _features_until(self, stop: int, *, over: bool) -> None:
        """φ of every candidate frame before `stop` that has none yet; their pixels are dropped."""
        if stop <= self._done:
            return
        wanted: list[tuple[int, int, NDArray[np.float32]]] = []
        for i, track in enumerate(self._observer.linker.tracks):
            if track.end > self._done:
                wanted += [(i, n, box) for n, box in self._boxes_between(track, self._done, stop)]
        self._compute(wanted, over=over)
        for n in range(self._done, stop):
            del self._pixels[n]
        self._done = stop

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

    def _compute(self, wanted: Sequence[tuple[int, int, NDArray[np.float32]]], *, over: bool) -> None:
        """Behind the caller's back; at the shot's end, when the caller has nothing else to do, with its help."""
        if not wanted:
            return
        tracks = self._observer.linker.tracks
        frames = [self._pixels[n] for _, n, _ in wanted]
        boxes = np.stack([box for _, _, box in wanted])
        keypoints = np.stack([tracks[i].keypoints[n - tracks[i].start] for i, n, _ in wanted])
        for i, n, box in wanted:
            self._of(i).boxes[n] = box
        places = [(self._of(i), n) for i, n, _ in wanted]

        def compute(beside: Beside | None = None) -> None:
            for p, phi in enumerate(self._phis):
                for (labels, n), row in zip(places, phi.rows(frames, boxes, keypoints, beside), strict=True):
                    labels.feature_rows[p][n] = row

        if over:
            self._overlap.wait()
            compute(self._overlap.both)
        else:
            self._overlap.behind(compute)
