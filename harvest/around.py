"""A backend around another one: says of itself what the one inside says. Its children change how that one is asked."""

from collections.abc import Mapping

from harvest.backends.protocol import PoseBackend


class AroundBackend:
    """Name, weights and joints of the backend inside, which decide the label_key."""

    def __init__(self, inner: PoseBackend) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """Of the backend inside."""
        return self._inner.name

    @property
    def weights(self) -> Mapping[str, str]:
        """Of the backend inside."""
        return self._inner.weights

    @property
    def joints(self) -> tuple[str, ...]:
        """Of the backend inside."""
        return self._inner.joints
