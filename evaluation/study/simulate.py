"""Studies whose truth is known, to hold the statistics against: they must be right about these first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.study.table import Float, StudyTable

Law = Callable[[Float], Float]

HOURS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Zero and six sizes, log-spaced: the smallest grid that a law can be told by, plus one."""


@dataclass(frozen=True)
class Design:
    """How a study is run and how much it scatters, in mm. Defaults are near to what the pilot saw."""

    seeds: int = 3
    sequences: int = 24
    sequence_sd: float = 15.0
    """Sequences are hard or easy, for all models alike."""
    seed_sd: float = 3.0
    """A seed's labelled subset is good or bad, at all sizes alike."""
    run_sd: float = 1.0
    """One training is lucky or not."""
    response_sd: float = 2.0
    """A sequence gains more or less than others from a size, whichever the seed."""
    rest_sd: float = 3.0
    """What is left."""


def saturating(hours: Float) -> Float:
    """Falls from 125 towards 80, by a power."""
    return np.asarray(80 + 45 * (1 + hours) ** -0.6)


def logarithm(hours: Float) -> Float:
    """Falls by the same amount with each doubling, from 120."""
    return np.asarray(120 - 7 * np.log(1 + hours))


def flat(hours: Float) -> Float:
    """Nothing happens."""
    return np.full(np.shape(hours), 110.0)


def rising(hours: Float) -> Float:
    """More film hurts."""
    return np.asarray(100 + 4 * np.log(1 + hours))


def u_shaped(hours: Float) -> Float:
    """Helps until about two hours, then hurts."""
    return np.asarray(100 + 1.5 * (np.log2(0.5 + hours) - 1) ** 2)


def small_gain(hours: Float) -> Float:
    """Falls by two thirds of 1 % in all, below the noise."""
    return np.asarray(110 - 0.25 * np.log(1 + hours))


LAWS: dict[str, tuple[Law, frozenset[str]]] = {
    "saturating": (saturating, frozenset({"holds"})),
    "logarithm": (logarithm, frozenset({"holds"})),
    "flat": (flat, frozenset({"fails", "undecided"})),
    "rising": (rising, frozenset({"fails"})),
    "u_shaped": (u_shaped, frozenset({"fails"})),
    "small_gain": (small_gain, frozenset({"undecided"})),
}
"""Each law with the verdicts that are right about it."""


def simulate(law: Law, design: Design, rng: np.random.Generator, hours: tuple[float, ...] = HOURS) -> StudyTable:
    """One study with crossed seeds."""
    n_sizes, n_seeds, n_sequences = len(hours), design.seeds, design.sequences
    hours_H = np.array(hours)
    error_HRS = law(hours_H)[:, None, None] + rng.normal(0, design.sequence_sd, n_sequences)
    error_HRS = error_HRS + rng.normal(0, design.seed_sd, (1, n_seeds, 1))
    error_HRS = error_HRS + rng.normal(0, design.run_sd, (n_sizes, n_seeds, 1))
    error_HRS = error_HRS + rng.normal(0, design.response_sd, (n_sizes, 1, n_sequences))
    error_HRS = error_HRS + rng.normal(0, design.rest_sd, error_HRS.shape)
    return StudyTable(
        hours_H=hours_H,
        size_C=np.repeat(np.arange(n_sizes), n_seeds),
        seed_C=tuple(str(seed) for seed in range(n_seeds)) * n_sizes,
        sequences=tuple(f"s{place}" for place in range(n_sequences)),
        error_CS=error_HRS.reshape(n_sizes * n_seeds, n_sequences),
    )
