"""Filters applied to labels that were made without any: what the labeller would have kept, without labelling again.

Tracks do not depend on filters, so this gives the labeller's own result (a test holds it to that).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.label_quality.people import Labelled, Track
from harvest.filters.one_person import frozen_frames
from harvest.filters.presets import Preset
from harvest.filters.tracks import Run
from harvest.filters.two_people import filter_shot
from harvest.tracking.track import Observation
from harvest.tracking.track import Track as LinkedTrack
from harvest.video.decode import DecodeConfig, Video
from harvest.video.shots import ShotConfig, split_shots

RATE = 25.0
"""Frames a second of every film that is measured."""


class Changes:
    """How much each frame of a film differs from the one before (F), and its size; decoded once a film."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[NDArray[np.float64], tuple[int, int]]] = {}

    def of(self, path: Path) -> tuple[NDArray[np.float64], tuple[int, int]]:
        """(F) change, and (width, height)."""
        if path not in self._known:
            video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 24, max_seconds=3600)
            changes = [each.change for each in split_shots(video.frames(), ShotConfig())]
            self._known[path] = np.array(changes), (video.width, video.height)
        return self._known[path]


def refiltered(
    labelled: Labelled, preset: Preset, change_F: NDArray[np.float64], picture: tuple[int, int]
) -> Labelled:  # fmt: skip
    """What a preset keeps of labels without filters, shot by shot."""
    kept = []
    for shot, (first, stop) in enumerate(zip(labelled.starts, [*labelled.starts[1:], len(change_F)], strict=True)):
        mine = [track for track in labelled.tracks if track.shot == shot]
        frozen_N = frozen_frames(change_F[first:stop], RATE, preset.frozen_s)
        kept += [_cut(mine[i], run) for i, run in _runs(mine, first, preset, picture, frozen_N)]
    return Labelled(kept, labelled.starts)


def _runs(
    mine: list[Track], first: int, preset: Preset, picture: tuple[int, int], frozen_N: NDArray[np.bool_]
) -> list[tuple[int, Run]]:
    """(track, run) of the runs that the preset keeps in one shot."""
    tracks = [_linked(track, first) for track in mine]
    decided = filter_shot(tracks, preset, RATE, picture=picture, frozen_N=frozen_N)
    return [(i, run) for i, (runs, _) in enumerate(decided) for run in runs]


def _linked(track: Track, first: int) -> LinkedTrack:
    linked = LinkedTrack(int(track.frames_T[0]) - first)
    box = np.zeros(4, np.float32)
    for t in np.flatnonzero(track.observed_T).tolist():
        joints = track.joints_TJ3[t]
        linked.add(int(track.frames_T[t]) - first, Observation(box, joints, 1.0, confirmed=True, may_start=True))
    return linked


def _cut(track: Track, run: Run) -> Track:
    part = slice(run.start, run.stop)
    return Track(track.shot, track.person, track.frames_T[part], track.joints_TJ3[part], track.observed_T[part])
