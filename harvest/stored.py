"""The last step of labelling: smooths and calibrates the joints that are stored, if the config asks for it.

Filters, boxes and φ use the network's own joints. So these options change neither runs nor boxes nor φ, and no network
runs again for them.
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
    """The smoothing and the calibration for one backend; None for an option that is off."""

    smoothing: SmoothingConfig | None = None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, config: LabelConfig, backend: PoseBackend) -> "Finishing":
        """As the config says. NoCalibrationError if it wants calibrated scores and the backend has no calibration."""
        return cls(config.smoothing, calibration_of(backend) if config.scores == "calibrated" else None)

    def keypoints(self, track: Track, runs: Sequence[Run], rate: float) -> NDArray[np.float32]:
        """(T, 25, 3) keypoints of the whole track as they are stored. Each run is smoothed alone, since the rejected
        frames beside it are not trusted. The track's own array if both options are off. `rate`: frames/s."""
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
