"""The embedded networks as most tools run them: one upright crop a person, no second look."""

from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig
from harvest.backends.roi import RefineLimits

_NEVER = RefineLimits(*[float("inf")] * len(RefineLimits.__dataclass_fields__))


class OneLookBackend(EmbeddedBackend):
    """The embedded backend whose first crop is always good enough."""

    def __init__(self, detector_threshold: float) -> None:
        super().__init__(EmbeddedConfig(detector_threshold=detector_threshold, refine=_NEVER, follow=_NEVER))
        self.weights = {**self.weights, "looks": "1"}
