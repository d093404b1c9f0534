"""The embedded networks as most tools run them: one upright crop a person, no second look."""

from collections.abc import Mapping, Sequence

import numpy as np

from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig
from harvest.backends.protocol import AroundBackend
from harvest.backends.roi import RefineLimits

_NEVER = RefineLimits(*[float("inf")] * len(RefineLimits.__dataclass_fields__))


class OneLookBackend(AroundBackend):
    """`PoseBackend`: the embedded one whose first crop is always good enough."""

    def __init__(self, detector_threshold: float) -> None:
        self._embedded = EmbeddedBackend(
            EmbeddedConfig(detector_threshold=detector_threshold, refine=_NEVER, follow=_NEVER)
        )
        super().__init__(self._embedded)

    @property
    def weights(self) -> Mapping[str, str]:
        """As the networks', and that there is one look: other labels, another key."""
        return {**self._inner.weights, "looks": "1"}

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As the detector says."""
        return self._embedded.people(frames)

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Joints as read from the upright crops."""
        return self._embedded.pose(frames, boxes, expected)
