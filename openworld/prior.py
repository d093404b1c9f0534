"""Unpaired poses for the pose prior: procedural motion of nobody who is in any film."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from openworld.curves import Clock
from openworld.motion import perform
from openworld.seeds import generator
from storage.atomic import write_atomically

CLIP_FRAMES = 50
"""Poses taken from one made-up clip; two seconds of it."""


def prior_poses(count: int = 20_000, seed: int = 0) -> npt.NDArray[np.float32]:
    """`count` broad poses (N, 24, 3, 3), as many as the pilot took (reference/scaling_pilot.md section 2)."""
    clock = Clock(CLIP_FRAMES, 25)
    clips = [
        perform(generator(seed, "prior", number), "broad", clock).rotations.astype(np.float32)
        for number in range(-(-count // CLIP_FRAMES))
    ]
    return np.concatenate(clips)[:count]


def write_prior_poses(path: Path, count: int = 20_000, seed: int = 0) -> Path:
    """Writes `rotations` (N, 24, 3, 3) as .npz, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, rotations=prior_poses(count, seed))
    return write_atomically(path, buffer.getvalue())
