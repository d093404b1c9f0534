"""mmdet and mmpose for real, in the environment of scripts/install_mmlab where it is, or where its wheel is cached."""

import os
import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CACHE = Path.home() / ".cache" / "hmmr"


def _python() -> Path | None:
    """The environment's interpreter. Made anew (a minute or two) only where mmcv need not be compiled."""
    place = Path(os.environ.get("HMMR_MMLAB", CACHE / "mmlab"))
    if not (place / ".complete").is_file():
        if not list((CACHE / "wheelhouse").glob("*/mmcv-*.whl")):
            return None
        subprocess.run([ROOT / "scripts" / "install_mmlab", place], check=True, capture_output=True, text=True)
    return place / "bin" / "python"


@pytest.mark.slow
def test_equals_mmdets_and_mmposes_own_functions() -> None:
    python = _python()
    if python is None:
        pytest.skip("no environment of scripts/install_mmlab, and no compiled mmcv in the wheelhouse to make one from")
    inside = [HERE / "mmlab_inside.py", HERE / "rtm_inside.py", HERE / "mmlab_harvest_inside.py"]
    command = [
        python,
        "-m",
        "pytest",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "--noconftest",
        *inside,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\b9 passed", done.stdout), done.stdout[-3000:]


def test_without_it_the_way_out_is_named() -> None:
    from harvest.backends.mmlab import MmlabBackend, MmlabConfig

    with pytest.raises(ImportError, match="scripts/install_mmlab"):
        MmlabBackend(MmlabConfig("a.py", "b.py"))
