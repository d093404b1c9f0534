"""People who stand by while somebody else moves: real, but of no use as examples of motion.

Judged within a shot, since alone a small motion may be all there is (somebody who only gestures).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harvest.filters.presets import Preset
from harvest.filters.tracks import Rejection, Run, motion

MOVES_MORE = 3.0
"""Somebody else must move this many times as much."""


@dataclass(frozen=True)
class Candidate:
    """A run that the filters of its own track let pass. `start` and `stop` are frames of the shot."""

    person: int
    run: Run
    start: int
    stop: int
    motion: float


def candidates_of(
    person: int, first: int, keypoints_TJ3: NDArray[np.float32], runs: Sequence[Run], preset: Preset
) -> list[Candidate]:
    """The runs of one person's track, which begins at frame `first` of the shot."""
    visible_TJ = keypoints_TJ3[:, :, 2] >= preset.visible_score
    return [
        Candidate(
            person, run, first + run.start, first + run.stop,
            motion(keypoints_TJ3[run.start : run.stop], visible_TJ[run.start : run.stop]),
        )
        for run in runs
    ]  # fmt: skip


def bystanders(found: Sequence[Candidate], preset: Preset) -> dict[tuple[int, int], Rejection]:
    """Rejections by (person, run's start): runs with less motion than the preset's, half of whose frames another
    person shares who moves MOVES_MORE times as much."""
    rejected = {}
    for each in found:
        if each.motion >= preset.bystander_motion:
            continue
        for other in found:
            shared = min(each.stop, other.stop) - max(each.start, other.start)
            if 2 * shared >= each.stop - each.start and other.motion >= MOVES_MORE * each.motion:
                run = each.run
                why = Rejection(run.start, run.stop, "bystander", each.motion, preset.bystander_motion)
                rejected[each.person, run.start] = why
                break
    return rejected
