"""Labels one shot in one pass: people become tracks, tracks become runs, and φ is computed while pixels are in memory.

A smoothed box depends on the keypoints of SUPPORT_FRAMES on both sides; where a run ends depends on the median filter
and on gaps that may still be bridged. So φ of a frame is computed that many frames later, in batches, and the pixels
of the frame are dropped afterwards. Pixels are kept longer only while somebody is lost who may still come back. At the
end the labels are rows of the lake's tables (storage/schema.py).

Letters: T frames of a track, n a frame of the shot, N crops of a batch, D feature dimension.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from body.boxes import SUPPORT_FRAMES, person_size, smooth_boxes
from body.joints import KEYPOINTS_25
from harvest.config import LabelConfig
from harvest.filters.one_person import frozen_frames
from harvest.filters.presets import Preset
from harvest.filters.tracks import Rejection, Run, candidates
from harvest.filters.two_people import filter_shot
from harvest.network_cache import CachedNetworks, CachedPhi, RunBoth
from harvest.recipe import Finishing
from harvest.sources.expand import Source
from harvest.tracking.people import Observer
from harvest.tracking.sides import SidesConfig, repair_stretch
from harvest.tracking.track import Track
from harvest.video.decode import Frame
from harvest.video.overlap import Overlap
from storage.stage_cache import Deferred

Scalar = TypeVar("Scalar", bound=np.generic)


class ByFrame(Generic[Scalar]):
    """Maps a frame n of the shot to an array of fixed shape. One growing array: a dict takes 300 bytes a frame
    where this takes 24."""

    def __init__(self, row: tuple[int, ...], dtype: type[Scalar]) -> None:
        """`row` is the shape of one frame's array."""
        self._rows: NDArray[Scalar] = np.zeros((0, *row), dtype)
        self._known = np.zeros(0, dtype=bool)
        self._first = 0

    def __setitem__(self, n: int, row: ArrayLike) -> None:
        """Frames may come in any order, except that none may be before the first one that was set: ValueError."""
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
        """(stop - first, ...) copy of the arrays of these frames. KeyError if one of them was not set."""
        low, high = first - self._first, stop - self._first
        known = self._known[max(low, 0) : high]
        if low < 0 or len(known) < high - low or not known.all():
            raise KeyError(f"frames {first} to {stop - 1} are not all known")
        return self._rows[low:high].copy()


@dataclass
class TrackLabels:
    """The boxes of one track and where its features are, by frame n of the shot."""

    boxes: ByFrame[np.float32] = field(default_factory=lambda: ByFrame((4,), np.float32))
    turns: list[ByFrame[np.float32]] = field(default_factory=list)
    """For each φ the turn of a frame's crop, radians."""
    feature_rows: list[ByFrame[np.int64]] = field(default_factory=list)
    """For each φ the row of its store (network_cache.py) that holds a frame's features."""


@dataclass(frozen=True)
class Person:
    """A finished track: the runs that are kept and the stretches that are rejected."""

    track: Track
    keypoints: NDArray[np.float32]
    """(T, 25, 3) as they are stored: perhaps smoothed and calibrated. The filters judged `track.keypoints`."""
    labels: TrackLabels
    runs: Sequence[Run]
    rejected: Sequence[Rejection]


class ShotLabeller:
    """Push the frames of one shot in order, then `finish`."""

    def __init__(self, networks: CachedNetworks, config: LabelConfig, rate: float, overlap: Overlap) -> None:
        """`rate`: frames per second. φ is computed on another thread if `overlap` has one; `finish` waits for it."""
        self._config, self._phis, self._rate, self._overlap = config, networks.phis, rate, overlap
        self._observer = Observer(networks.backend, config.people, config.track, rate)
        self._support = SUPPORT_FRAMES + config.preset.median_frames // 2 + 1
        self._delay = max(self._support + self._observer.linker.short_gap, config.preset.min_frames)
        self._lookback = SUPPORT_FRAMES + self._observer.linker.max_gap + 1
        self._frames: dict[int, Frame] = {}
        self._batch: list[Frame] = []
        self._labels: dict[Track, TrackLabels] = {}
        self._done = self._sided = 0
        self.frame_index = array("q")
        self.pts = array("q")
        self._change = array("f")
        self._picture: tuple[int, int] | None = None

    def push(self, frame: Frame, change: float) -> None:
        """The next frame of the shot. `change`: how much it differs from the frame before (ShotFrame.change)."""
        self._change.append(change)
        self._picture = (frame.pixels_HW3.shape[1], frame.pixels_HW3.shape[0])
        self._frames[len(self.pts)] = frame
        self.frame_index.append(frame.index)
        self.pts.append(frame.pts)
        self._batch.append(frame)
        if len(self._batch) == self._config.phi_every:
            self._observe()
            self._settle()

    def finish(self, finishing: Finishing) -> list[Person]:
        """All people of the shot, in the order in which they appeared. `finishing` smooths and calibrates."""
        self._observe()
        self._settle(over=True)
        self._overlap.wait()
        preset, tracks = self._config.preset, self._observer.linker.tracks
        frozen_N = frozen_frames(np.array(self._change), self._rate, preset.frozen_s)
        decided = filter_shot(tracks, preset, self._rate, picture=self._picture, frozen_N=frozen_N)
        return [
            Person(track, finishing.keypoints(track, runs, self._rate), self._labels_of(track), runs, rejected)
            for track, (runs, rejected) in zip(tracks, decided, strict=True)
        ]

    def _observe(self) -> None:
        self._observer.push(self._batch)
        self._batch = []

    def _labels_of(self, track: Track) -> TrackLabels:
        if track not in self._labels:
            self._labels[track] = TrackLabels(
                turns=[ByFrame((), np.float32) for _ in self._phis],
                feature_rows=[ByFrame((), np.int64) for _ in self._phis],
            )
        return self._labels[track]

    def _settle(self, *, over: bool = False) -> None:
        """Repair sides and compute φ of the frames that no later frame can change; of all if the shot is over."""
        known = len(self.pts)
        settled = self._observer.linker.settled_until - self._support
        stop = known if over else min(known - self._delay, settled)
        if self._config.sides is not None:
            self._repair_sides(self._config.sides, known, over)
            stop = min(stop, self._sided)
        self._features_until(stop, over=over)

    def _repair_sides(self, sides: SidesConfig, known: int, over: bool) -> None:
        """In place, stretch by stretch. Boxes and counts of visible joints do not change, and the linker only looks at
        later frames, so neither notices."""
        linker = self._observer.linker
        after = max(sides.after, linker.short_gap + 1)
        while self._sided + sides.stretch + after <= known or (over and self._sided < known):
            high = self._sided + sides.stretch
            for track in linker.tracks:
                repair_stretch(track, self._sided, high, high + after, sides)
            self._sided = min(high, known)

    def _features_until(self, stop: int, *, over: bool) -> None:
        """Compute φ of every candidate frame before `stop` that has none yet, then drop the frames."""
        if stop <= self._done:
            return
        wanted: list[tuple[Track, int, NDArray[np.float32]]] = []
        for track in self._observer.linker.tracks:
            if track.end > self._done:
                wanted += [(track, n, box) for n, box in self._boxes_between(track, self._done, stop)]
        self._compute(wanted, over=over)
        for n in range(self._done, stop):
            del self._frames[n]
        self._done = stop

    def _boxes_between(self, track: Track, first: int, stop: int) -> list[tuple[int, NDArray[np.float32]]]:
        """(n, box) of the frames first <= n < stop that lie in a run which may be kept."""
        boxes_of_frames = []
        for run in candidates(track.keypoints, track.observed, self._config.preset):
            low, high = max(run.start, first - track.start), min(run.stop, stop - track.start)
            if low >= high:
                continue
            begin, end = max(run.start, low - self._lookback), min(run.stop, high + self._lookback)
            boxes = smooth_boxes(track.keypoints[begin:end], self._config.preset.visible_score)
            boxes_of_frames += [(track.start + k, boxes[k - begin]) for k in range(low, high)]
        return boxes_of_frames

    def _compute(self, wanted: Sequence[tuple[Track, int, NDArray[np.float32]]], *, over: bool) -> None:
        """Compute φ of (track, n, box), on another thread if there is one. At the shot's end, when the caller only
        waits, the caller's thread computes half."""
        if not wanted:
            return
        frames = [self._frames[n] for _, n, _ in wanted]
        boxes = np.stack([box for _, _, box in wanted])
        keypoints = np.stack([track.keypoints[n - track.start] for track, n, _ in wanted])
        for track, n, box in wanted:
            self._labels_of(track).boxes[n] = box
        places = [(self._labels_of(track), n) for track, n, _ in wanted]

        def compute(run_both: RunBoth | None = None) -> None:
            for p, phi in enumerate(self._phis):
                rows, turns = phi.rows(frames, boxes, keypoints, run_both), phi.turns(keypoints)
                for (labels, n), row, turn in zip(places, rows, turns, strict=True):
                    labels.feature_rows[p][n], labels.turns[p][n] = row, turn

        if over:
            self._overlap.wait()
            compute(self._overlap.both)
        else:
            self._overlap.behind(compute)


EXAMPLE_FRAMES = 3
"""Frames of a rejected stretch whose keypoints are kept in its row, for drawing."""


@dataclass(frozen=True)
class VideoFacts:
    """What all rows of one video share. Sizes in px, `rate` in frames/s, `time_base` in seconds per PTS tick."""

    source: Source
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    licence: str
    label_key: str
    backend: str
    joints: tuple[str, ...]
    preset: Preset


@dataclass(frozen=True)
class ShotFacts:
    """Where a shot lies in its video. Entry n of the sequences belongs to frame n of the shot."""

    shot_index: int
    frame_index: Sequence[int]
    pts: Sequence[int]


def tracklet_id(video: VideoFacts, shot: ShotFacts, person_index: int, first_frame: int) -> str:
    """32 hex digits: the same labels of the same video give the same id."""
    text = f"{video.source.item_id}/{shot.shot_index}/{person_index}/{first_frame}/{video.label_key}"
    return sha256(text.encode()).hexdigest()[:32]


def tracklet_row(video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, run: Run) -> dict[str, Any]:
    """One run of a track as a row of `tracklets`, without its time of commit."""
    first, stop = person.track.start + run.start, person.track.start + run.stop
    cut = slice(run.start, run.stop)
    keypoints, observed = person.keypoints[cut], person.track.observed[cut]
    return {
        "tracklet_id": tracklet_id(video, shot, person_index, shot.frame_index[first]),
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": person_index,
        "fps_num": video.rate.numerator,
        "fps_den": video.rate.denominator,
        "time_base_num": video.time_base.numerator,
        "time_base_den": video.time_base.denominator,
        "width": video.width,
        "height": video.height,
        "frame_index": np.array(shot.frame_index[first:stop], dtype=np.int32),
        "pts": np.array(shot.pts[first:stop], dtype=np.int64),
        "observed": observed,
        "boxes": person.labels.boxes.between(first, stop),
        "keypoints": keypoints.reshape(-1, 75),
        "n_frames": stop - first,
        "seconds": float((stop - first) / video.rate),
        "mean_score": float(keypoints[observed][:, _joints_of(video), 2].mean()),
        "bridged_share": float(1 - observed.mean()),
        **_quality(video, person.track.keypoints[cut][observed]),
        "tags": list(video.source.tags),
        "backend": video.backend,
        "preset": video.preset.name,
        "licence": video.licence,
        "label_key": video.label_key,
    }


def _joints_of(video: VideoFacts) -> list[int]:
    return [KEYPOINTS_25.index(name) for name in video.joints]


def _quality(video: VideoFacts, keypoints_TJ3: NDArray[np.float32]) -> dict[str, float]:
    """Columns of quality, from the raw scores that the preset's threshold refers to."""
    scores = keypoints_TJ3[:, _joints_of(video), 2]
    return {
        "visible_joints": float((scores >= video.preset.visible_score).sum(axis=1).mean()),
        "median_diagonal_px": person_size(keypoints_TJ3, video.preset.visible_score, default=0.0),
    }


def feature_rows(
    video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, run: Run, phis: Sequence[CachedPhi]
) -> list[dict[str, Any]]:
    """One row of `features` for each φ of one run. The features themselves stay on the disk (`read_features`)."""
    first, stop = person.track.start + run.start, person.track.start + run.stop
    rows = []
    for p, phi in enumerate(phis):
        features, zero_shot = phi.kept(person.labels.feature_rows[p].between(first, stop))
        rows.append({
            "tracklet_id": tracklet_id(video, shot, person_index, shot.frame_index[first]),
            "source_id": video.source.item_id,
            "phi_name": phi.name,
            "phi_dim": phi.dim,
            "phi": features,
            "zero_shot_3d": zero_shot,
            "turn": person.labels.turns[p].between(first, stop) if phi.is_turned else None,
            "label_key": video.label_key,
        })  # fmt: skip
    return rows


def read_features(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `features` with the features read from where they lie. OSError or ValueError if they are gone."""
    features = {name: value.read() for name, value in row.items() if isinstance(value, Deferred)}
    return {**row, **features, **({"phi": features["phi"].tobytes()} if "phi" in features else {})}


def reject_row(video: VideoFacts, shot: ShotFacts, person_index: int, person: Person, why: Rejection) -> dict[str, Any]:
    """A rejected stretch of a track as a row of `rejects`."""
    first, last = person.track.start + why.start, person.track.start + why.stop - 1
    seen = why.start + np.flatnonzero(person.track.observed[why.start : why.stop])
    examples = seen[np.linspace(0, len(seen) - 1, min(EXAMPLE_FRAMES, len(seen))).astype(int)] if len(seen) else seen
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": person_index,
        "first_frame": shot.frame_index[first],
        "last_frame": shot.frame_index[last],
        "n_frames": why.stop - why.start,
        "stage": "filter",
        "reason": why.reason,
        "measured": why.measured,
        "threshold": float(why.threshold),
        "preset": video.preset.name,
        "label_key": video.label_key,
        "keypoints": person.track.keypoints[examples].reshape(-1, 75) if len(examples) else None,
    }


def shot_row(video: VideoFacts, shot: ShotFacts, n_tracks: int) -> dict[str, Any]:
    """A shot as a row of `shots`. `n_tracks`: people in it, before any filter."""
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "first_frame": shot.frame_index[0],
        "last_frame": shot.frame_index[-1],
        "first_pts": shot.pts[0],
        "last_pts": shot.pts[-1],
        "n_tracks": n_tracks,
        "label_key": video.label_key,
    }


def nobody_row(video: VideoFacts, shot: ShotFacts) -> dict[str, Any]:
    """A shot in which nobody was seen, as a row of `rejects`."""
    return {
        "source_id": video.source.item_id,
        "shot_index": shot.shot_index,
        "person_index": -1,
        "first_frame": shot.frame_index[0],
        "last_frame": shot.frame_index[-1],
        "n_frames": len(shot.pts),
        "stage": "people",
        "reason": "no_person",
        "measured": 0.0,
        "threshold": 1.0,
        "preset": video.preset.name,
        "label_key": video.label_key,
        "keypoints": None,
    }


MOST_STRETCHES = 64
"""A video with more stretches of missing pictures has one row for all of them."""


def missing_rows(video: VideoFacts, missing_F: NDArray[np.bool_], reason: str) -> list[dict[str, Any]]:
    """Pictures of the file that are in no shot, as rows of `rejects`: one for each stretch of consecutive pictures."""
    index = np.flatnonzero(missing_F)
    stretches = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []
    return [
        {
            "source_id": video.source.item_id,
            "shot_index": -1,
            "person_index": -1,
            "first_frame": int(stretch[0]),
            "last_frame": int(stretch[-1]),
            "n_frames": len(stretch),
            "stage": "decode",
            "reason": reason,
            "measured": float(len(index)),
            "threshold": 0.0,
            "preset": video.preset.name,
            "label_key": video.label_key,
            "keypoints": None,
        }
        for stretch in (stretches if len(stretches) <= MOST_STRETCHES else [index])
    ]


def video_reject_row(video: Mapping[str, Any], preset: str, reason: str) -> dict[str, Any]:
    """A whole video that was not kept, as a row of `rejects`; `video` is its row of `videos`."""
    return {
        "source_id": video["source_id"],
        "shot_index": -1,
        "person_index": -1,
        "first_frame": 0,
        "last_frame": video["n_frames"] - 1,
        "n_frames": video["n_frames"],
        "stage": "filter",
        "reason": reason,
        "measured": None,
        "threshold": None,
        "preset": preset,
        "label_key": video["label_key"],
        "keypoints": None,
    }
