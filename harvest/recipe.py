"""The recipe of a label: everything that decides it, stage by stage. The label key is its hash.

Bump a stage's version when its code gives other labels under the same settings.
"""

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
    """The stages of labelling in order. NoCalibrationError if the config asks for calibrated scores and the backend has
    no calibration."""
    stages = [
        Stage("decode", "2", _plain({"max_fps": config.decode.max_fps, "max_side": config.decode.max_side})),
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
    """Stages of the options that are on. An option that is off adds nothing, so older labels keep their key."""
    finishing = Finishing.of(config, backend)
    stages = [Stage("smooth", "1", identity(finishing.smoothing))] if finishing.smoothing else []
    if finishing.calibration:
        stages.append(Stage("scores", "1", {"calibration": finishing.calibration.digest}))
    return stages


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Fraction) else value for key, value in config.items()}
