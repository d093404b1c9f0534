"""What a harvest imports before its first label: each package here would take a tenth of a second or more, twice."""

import subprocess
import sys

import pytest

PLANNING = """
import sys
import harvest.run, harvest.workers
from harvest.config import HarvestConfig
from harvest.recipe import recipe
from harvest.registry import make_backend, make_phis
config = HarvestConfig()
recipe(config.label, make_backend(config), make_phis(config.phis)).digest
slow = {"scipy.signal", "scipy.optimize", "scipy.ndimage", "yt_dlp", "requests", "onnx", "onnxruntime"}
slow |= {"pandas", "torch"}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""


@pytest.mark.usefixtures("embedded_weights")
def test_the_process_that_plans_loads_no_network_and_no_downloader() -> None:
    subprocess.run([sys.executable, "-c", PLANNING], check=True)
