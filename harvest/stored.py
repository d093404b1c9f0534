"""What the lake keeps of a run's joints: as they were judged, or smoothed, or with calibrated scores.

The last step of labelling. Filters, boxes and φ have had their say on what the network said; so with these options on
or off a video gives the same runs, boxes and φ, and asks the networks nothing again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend
from harvest.calibration import Calibration, calibration_of
from harvest.config import LabelConfig
from harvest.filters.tracks import Run
from harvest.smooth import SmoothingConfig, smooth_keypoints
from harvest.tracking.track import Track


@dataclass(frozen=True)
class Finishing:
    """Both options as they are for one backend."""

    smoothing: SmoothingConfig | None = None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, config: LabelConfig, backend: PoseBackend) -> "Finishing":
        """NoCalibrationError if calibrated scores are wanted and the backend has no map."""
        return cls(config.smoothing, calibration_of(backend) if config.scores == "calibrated" else None)

    def keypoints(self, track: Track, runs: Sequence[Run], rate: float) -> NDArray[np.float32]:
        """(T, 25, 3) of the whole track as it is stored. Each run is smoothed alone: what was rejected beside it is
        not to be trusted. The track's own array if there is nothing to do."""
        if self.smoothing is None and self.calibration is None:
            return track.keypoints
        stored = track.keypoints.copy()
        for run in runs if self.smoothing else ():
            cut = slice(run.start, run.stop)
            assert self.smoothing is not None
            stored[cut] = smooth_keypoints(stored[cut], track.observed[cut], rate, self.smoothing)
        if self.calibration:
            stored[..., 2] = self.calibration.apply(stored[..., 2])
        return stored
