"""Backends and φ by the names that the command line takes. Each is imported only when it is asked for."""

from collections.abc import Sequence

from harvest.backends.protocol import PoseBackend
from harvest.config import HarvestConfig
from harvest.phi.protocol import Phi

BACKENDS = ("embedded", "truth")
PHIS = ("blazepose_penultimate", "keypoints")


def make_backend(config: HarvestConfig) -> PoseBackend:
    """The 2D backend of a harvest, one thread. WeightsError names a missing weights file; ValueError a wrong name."""
    if config.backend == "embedded":
        from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig

        # the detector hands over weak boxes too: they confirm people who are already followed
        return EmbeddedBackend(EmbeddedConfig(detector_threshold=config.label.people.keep_score))
    if config.backend == "truth":
        from harvest.backends.truth import TruthBackend, TruthConfig

        if config.truth_films is None:
            raise ValueError("the backend truth needs the folder of the films: --truth-films DIR")
        return TruthBackend(TruthConfig(config.truth_films))
    raise ValueError(f"backend {config.backend!r} is none of {', '.join(BACKENDS)}")


def make_phis(names: Sequence[str]) -> list[Phi]:
    """The image features of a harvest, in order."""
    return [_make_phi(name) for name in names]


def _make_phi(name: str) -> Phi:
    if name == "blazepose_penultimate":
        from harvest.phi.blazepose import BlazePosePhi

        return BlazePosePhi()
    if name == "keypoints":
        from harvest.phi.keypoints import KeypointsPhi

        return KeypointsPhi()
    raise ValueError(f"phi {name!r} is none of {', '.join(PHIS)}")
