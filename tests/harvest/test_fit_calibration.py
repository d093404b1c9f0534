"""scripts/fit_calibration.py, the command that an error message names, on two small films with their truth."""

import subprocess
import sys
from pathlib import Path

import pytest

from harvest.calibration import Calibration
from openworld.films import make_films
from openworld.worlds import SplitConfig, WorldConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_map_is_fitted_on_half_of_the_films(tmp_path: Path) -> None:
    films = tmp_path / "films"
    world = WorldConfig((SplitConfig("dev", 2, seconds=(1.4, 1.4)),), width=160, height=120, samples=1, processes=1)
    make_films(world, films)
    out = tmp_path / "maps" / "calibration-truth.json"
    command = [sys.executable, "scripts/fit_calibration.py", str(films), "--backend", "truth", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fitted = Calibration.read(out)
    assert (fitted.backend, fitted.fitted["fitted_on_films"], fitted.fitted["other_films"]) == ("truth", 1, 1)
    assert fitted.fitted["other_joints"] > 400
    assert "| raw score | joints | says | is right |" in done.stdout
