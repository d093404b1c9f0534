"""Unpaired poses for the pose prior: hand-written motion of people who are in no film."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from openworld.motion.curves import Clock
from openworld.motion.performance import perform
from openworld.seeds import generator

CLIPS, FRAMES, FPS = 200, 100, 25.0
"""20,000 poses, as in docs/scaling_pilot.md section 2."""


def prior_poses(clips: int = CLIPS, seed: int = 0) -> npt.NDArray[np.float32]:
    """(N, 24, 3, 3) rotations of broad hand-written motion, each joint in its parent's frame, N = clips x 100.

    The random seed has a name of its own, so that no film shows one of these clips.
    """
    clock = Clock(FRAMES, FPS)
    rotations = [perform(generator(seed, "prior", index), "broad", clock).rotations for index in range(clips)]
    return np.concatenate(rotations).astype(np.float32)


def write_prior_poses(path: Path) -> None:
    """Keep `prior_poses()` as .npz in the form that hmmr_model/prior.py reads; whole or not at all."""
    part = path.with_name(f".{path.name}.part.npz")
    np.savez_compressed(part, rotations=prior_poses())
    part.replace(path)
