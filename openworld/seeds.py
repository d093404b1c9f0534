"""Random numbers that depend on a seed and names alone: not on the order of calls, nor on the process."""

import zlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for one purpose. The same seed and names give the same numbers on every machine."""
    words = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, *words])
