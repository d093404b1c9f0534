"""What decides a label, as a storage Recipe: bump a stage's version when its code gives other labels."""

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from harvest.backends.protocol import PoseBackend
from harvest.config import LabelConfig
from harvest.phi.protocol import Phi
from storage.label_key import Recipe, Stage

CODE = "hmmr-harvest 0.1"


def recipe(config: LabelConfig, backend: PoseBackend, phis: Sequence[Phi]) -> Recipe:
    """The stages of labelling in order."""
    stages = [
        Stage("decode", "1", _plain({"max_fps": config.decode.max_fps, "max_side": config.decode.max_side})),
        Stage("shots", "1", _plain(asdict(config.shots))),
        Stage("people", "1", _plain({"backend": backend.name, **asdict(config.people)}), dict(backend.weights)),
        Stage("track", "1", _plain(asdict(config.track))),
        Stage("sides", "1", _plain(asdict(config.sides) if config.sides else {"as_is": True})),
        Stage("filter", "1", _plain(asdict(config.preset))),
        *[Stage(f"phi/{phi.name}", "2", {"dim": phi.dim}, dict(phi.weights)) for phi in phis],
    ]
    return Recipe(tuple(stages), CODE)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Fraction) else value for key, value in config.items()}
