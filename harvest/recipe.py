"""The recipe of a label: everything that decides it, stage by stage. The label key is its hash.

Bump a stage's version when its code gives other labels under the same settings. The last stage, `Finishing`, smooths
and calibrates the joints that are stored, if the config asks for it. Filters, boxes and φ use the network's own joints,
so these options change neither runs nor boxes nor φ, and no network runs again for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend
from harvest.calibration import Calibration, calibration_of
from harvest.config import LabelConfig
from harvest.filters.tracks import Run
from harvest.phi.protocol import Phi
from harvest.smooth import SmoothingConfig, smooth_keypoints
from harvest.tracking.track import Track
from storage.labels.key import Recipe, Stage, identity

CODE = "hmmr-harvest 0.1"


def recipe(config: LabelConfig, backend: PoseBackend, phis: Sequence[Phi]) -> Recipe:
    """The stages of labelling in order. NoCalibrationError if the config asks for calibrated scores and the backend has
    no calibration."""
    stages = [
        Stage("decode", "2", _plain({"max_fps": config.decode.max_fps, "max_side": config.decode.max_side})),
        Stage("shots", "3", _plain(identity(config.shots))),
        Stage("people", "3", _plain({"backend": backend.name, **identity(config.people)}), dict(backend.weights)),
        Stage("track", "3", _plain(identity(config.track))),
        Stage("sides", "2", _plain(identity(config.sides) if config.sides else {"as_is": True})),
        Stage("filter", "3", _plain(identity(config.preset))),
        *_finishing(config, backend),
        *[phi_stage(phi) for phi in phis],
    ]
    return Recipe(tuple(stages), CODE)


def phi_stage(phi: Phi) -> Stage:
    """The stage of an image feature."""
    return Stage(f"phi/{phi.name}", "2", {"dim": phi.dim}, dict(phi.weights))


def _finishing(config: LabelConfig, backend: PoseBackend) -> list[Stage]:
    """Stages of the options that are on. An option that is off adds nothing, so older labels keep their key."""
    finishing = Finishing.of(config, backend)
    stages = [Stage("smooth", "1", identity(finishing.smoothing))] if finishing.smoothing else []
    if finishing.calibration:
        stages.append(Stage("scores", "1", {"calibration": finishing.calibration.digest}))
    return stages


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Fraction) else value for key, value in config.items()}


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
