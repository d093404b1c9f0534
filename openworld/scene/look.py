"""What a synthetic person looks like: colours and cut of clothes, hair and skin, drawn at random. Linear RGB."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Colour = tuple[float, float, float]

DARKEST_SKIN, LIGHTEST_SKIN = np.array([0.12, 0.065, 0.045]), np.array([0.74, 0.5, 0.39])
HAIR: tuple[Colour, ...] = (
    (0.02, 0.015, 0.012), (0.06, 0.035, 0.02), (0.16, 0.09, 0.045), (0.42, 0.29, 0.13), (0.3, 0.09, 0.03),
    (0.42, 0.41, 0.4),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """One person's appearance."""

    skin: Colour
    hair: Colour
    shirt: Colour
    shirt_two: Colour
    trousers: Colour
    shoes: Colour
    pattern: Literal["plain", "stripes", "blotches"]
    sleeve_m: float
    """Where the sleeve ends: distance of the T-posed arm from the body's middle plane."""
    trouser_m: float
    """Where the trouser leg ends: height in the rest pose, pelvis at 0, floor near -0.93."""
    hairline_m: float
    """How far below the crown the hair starts on the forehead."""
    noise_seed: int


def random_look(rng: np.random.Generator) -> Look:
    """Skin from dark to light, clothes of any hue; trousers mostly darker than the shirt, as in the street."""
    tone = rng.uniform() ** 0.8
    skin = DARKEST_SKIN + tone * (LIGHTEST_SKIN - DARKEST_SKIN)
    shorts = rng.random() < 0.25
    return Look(
        skin=_colour(skin),
        hair=HAIR[rng.integers(len(HAIR))],
        shirt=_cloth(rng, 0.08, 0.75),
        shirt_two=_cloth(rng, 0.3, 0.85),
        trousers=_cloth(rng, 0.02, 0.35),
        shoes=_cloth(rng, 0.02, 0.6),
        pattern=("plain", "plain", "stripes", "blotches")[rng.integers(4)],
        sleeve_m=rng.uniform(0.52, 0.66) if rng.random() < 0.45 else rng.uniform(0.26, 0.38),
        trouser_m=rng.uniform(-0.5, -0.4) if shorts else rng.uniform(-0.88, -0.8),
        hairline_m=rng.uniform(0.045, 0.065),
        noise_seed=int(rng.integers(1, 100_000)),
    )


def _cloth(rng: np.random.Generator, darkest: float, lightest: float) -> Colour:
    """A colour of any hue, most of them muted."""
    hue, value, saturation = rng.uniform(0, 2 * np.pi), rng.uniform(darkest, lightest), rng.uniform() ** 1.5
    wheel = 0.5 + 0.5 * np.cos(hue - np.array([0, 2.0944, 4.1888]))
    return _colour(value * (1 - saturation + saturation * wheel))


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
