"""Random numbers that depend on a name and nothing else: not on order, process or what was made before."""

import zlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for one purpose. The same seed and names give the same numbers on any machine and process count."""
    words = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, *words])
