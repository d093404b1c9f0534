"""The embedded weights in the cache."""

import os

import pytest

from harvest.weights import files as weights
from harvest.weights.packages import WeightsError


@pytest.fixture(scope="session")
def embedded_weights() -> None:
    try:
        weights.fetch()
    except WeightsError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
