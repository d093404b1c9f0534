"""scripts/fit_calibration.py, the command that an error message names, on two small films with their truth."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harvest.backends.truth import TruthBackend, TruthConfig
from harvest.calibration import Calibration
from openworld.film.batch import make_films
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


def test_scores_that_differ_in_their_last_digits_are_fitted() -> None:
    """As those of a sigmoid that is sure of itself: rounded to five digits they would be one score."""
    rng = np.random.default_rng(0)
    films = {name: (1 - rng.random(500) * 1e-5, rng.random(500) < 0.9) for name in "ab"}
    script = runpy.run_path(str(ROOT / "scripts" / "fit_calibration.py"))
    fitted = script["fitted_on_half"](films, TruthBackend(TruthConfig(Path("films"))), "films")
    assert fitted.apply(np.array([0.5, 1.0])).max() <= 1
