"""How fast is a training step, and does the loader keep it fed? Prints a row a preset.

    .venv/bin/python bench/train.py            (about a minute)

Tracks are random numbers: speed does not depend on what they show. CPU time is per step and of all threads; the
share of waiting is of wall time, and must stay below 5 % on the `open` preset.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from body.keypoints import KeypointModel
from hmmr_model.configs import PRESETS
from hmmr_model.data import TrainingSet
from hmmr_model.tracks import Track, TrackLabels
from hmmr_model.train import fit

MOST_WAITING = 0.05
FRAMES, TRACKS = 100, 60


def tracks(phi_dim: int) -> list[Track]:
    """Labelled tracks of noise."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(TRACKS):
        points = rng.normal(0, 0.3, (FRAMES, 25, 3)).astype(np.float32)
        rotations = np.tile(np.eye(3, dtype=np.float32), (FRAMES, 24, 1, 1))
        ones, betas = np.ones(FRAMES, np.float32), np.zeros((FRAMES, 10), np.float32)
        seen = np.ones((FRAMES, 25), np.float32)
        labels = TrackLabels(points, points, seen, rotations, ones, betas, ones)
        made.append(Track(f"t{index}", rng.normal(size=(FRAMES, phi_dim)).astype(np.float16), points, labels))
    return made


def measure(preset: str, steps: int, phi_dim: int) -> tuple[float, float, float]:
    """CPU ms and wall ms a step, and the share of wall time spent waiting for data."""
    config = replace(PRESETS[preset](), steps=steps, save_every=10**9)
    data = TrainingSet(tracks(phi_dim), [], config.data, 0)
    keypoints = KeypointModel.load()
    with tempfile.TemporaryDirectory() as folder:
        cpu = time.process_time()
        result = fit(config, data, keypoints, torch.eye(3).expand(1000, 24, 3, 3), Path(folder))
        cpu = time.process_time() - cpu
    return 1e3 * cpu / steps, 1e3 * result.seconds / steps, result.waited_share


def main() -> None:
    """A table; exit code 1 if the loader starves the `open` preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    steps = parser.parse_args().steps
    print("| preset | CPU ms a step | wall ms a step | waiting for data |\n|---|---|---|---|")
    starved = False
    for preset in ("tiny", "open"):
        cpu_ms, wall_ms, waiting = measure(preset, steps, phi_dim=1152)
        print(f"| {preset} | {cpu_ms:.1f} | {wall_ms:.1f} | {waiting:.1%} |")
        starved |= preset == "open" and waiting > MOST_WAITING
    sys.exit("the loader starves the open preset" if starved else 0)


if __name__ == "__main__":
    main()
