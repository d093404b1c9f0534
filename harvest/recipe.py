"""What decides a label, as a storage Recipe: bump a stage's version when its code gives other labels."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from harvest.backends.protocol import PoseBackend
from harvest.config import LabelConfig
from harvest.phi.protocol import Phi
from harvest.stored import Finishing
from storage.config_identity import identity
from storage.labels.key import Recipe, Stage

CODE = "hmmr-harvest 0.1"


def recipe(config: LabelConfig, backend: PoseBackend, phis: Sequence[Phi]) -> Recipe:
    """The stages of labelling in order. NoCalibrationError if calibrated scores are wanted and cannot be had."""
    stages = [
        Stage("decode", "1", _plain({"max_fps": config.decode.max_fps, "max_side": config.decode.max_side})),
        Stage("shots", "3", _plain(identity(config.shots))),
        Stage("people", "3", _plain({"backend": backend.name, **identity(config.people)}), dict(backend.weights)),
        Stage("track", "3", _plain(identity(config.track))),
        Stage("sides", "2", _plain(identity(config.sides) if config.sides else {"as_is": True})),
        Stage("filter", "2", _plain(identity(config.preset))),
        *_finishing(config, backend),
        *[Stage(f"phi/{phi.name}", "2", {"dim": phi.dim}, dict(phi.weights)) for phi in phis],
    ]
    return Recipe(tuple(stages), CODE)


def _finishing(config: LabelConfig, backend: PoseBackend) -> list[Stage]:
    """Only what is switched on, so that labels without it keep the key that they always had."""
    finishing = Finishing.of(config, backend)
    stages = [Stage("smooth", "1", identity(finishing.smoothing))] if finishing.smoothing else []
    if finishing.calibration:
        stages.append(Stage("scores", "1", {"calibration": finishing.calibration.digest}))
    return stages


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Fraction) else value for key, value in config.items()}
