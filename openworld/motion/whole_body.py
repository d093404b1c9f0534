"""What the whole body does: where it faces and goes, and whether it tumbles."""

import numpy as np
from scipy.spatial.transform import Rotation

from openworld.motion.curves import Clock, Curve, drift, keyframes

TILT_SHARE = 0.25
"""Share of broad clips in which the whole body tilts (docs/scaling_pilot.md, section 2)."""
MOST_TILT = np.deg2rad(126)
"""Largest tilt about either horizontal axis (the same source)."""


TURN_S = 0.8
"""How long somebody takes to turn about."""


def wander(rng: np.random.Generator, clock: Clock) -> Curve:
    """(T) heading about the vertical, 0 = facing +z: from a random start, drifting."""
    return np.asarray(rng.uniform(0, 2 * np.pi) + np.cumsum(drift(rng, clock, 0.3, 0.4)) / clock.fps)


def straight(rng: np.random.Generator, clock: Clock, towards: float) -> Curve:
    """(T) heading that stays near `towards`."""
    return np.asarray(towards + np.cumsum(drift(rng, clock, 0.05, 0.4)) / clock.fps)


def there_and_back(rng: np.random.Generator, clock: Clock, towards: float) -> Curve:
    """(T) heading `towards`, then the opposite: half the time each."""
    middle = clock.frames / clock.fps / 2
    turned = np.clip((clock.seconds - middle) / TURN_S + 0.5, 0, 1)
    return straight(rng, clock, towards) + np.pi * turned * turned * (3 - 2 * turned)


def path(facing: Curve, speed: float, clock: Clock) -> Curve:
    """(T, 3) where a person is who goes forward at `speed` m/s, metres about the path's middle."""
    forward = np.stack([np.sin(facing), np.zeros_like(facing), np.cos(facing)], 1)
    steps = np.cumsum(forward * speed / clock.fps, 0)
    return np.asarray(steps - (steps.min(0) + steps.max(0)) / 2)


def tilt(rng: np.random.Generator, clock: Clock) -> Rotation:
    """T rotations that lay the body down or turn it over, slowly, about both horizontal axes."""
    limit = rng.uniform(0.3, 1.0) * MOST_TILT
    leans = keyframes(rng, clock, (-limit, -limit / 2), (limit, limit / 2), move_s=(0.8, 2.0), hold_s=0.5)
    return Rotation.from_rotvec(np.stack([leans[:, 0], np.zeros(clock.frames), leans[:, 1]], 1))
