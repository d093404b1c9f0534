"""Standing, sitting, bowing, and slow changes of stance."""

import numpy as np

from openworld.motion.curves import Clock, Curve, beat, drift, keyframes
from openworld.motion.lower_body import LowerBody


def stand(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Standing, swaying a little."""
    body = LowerBody(clock, slow_phase(rng, clock))
    body.side += drift(rng, clock, 0.08, 0.6)
    body.twist += drift(rng, clock, 0.15, 0.5)
    body.spread += rng.uniform(0, 0.2, 2)
    fidget(rng, body)
    return body


def sit(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Sitting, as on a chair that is not drawn."""
    body = LowerBody(clock, slow_phase(rng, clock))
    depth = rng.uniform(1.3, 1.6) + drift(rng, clock, 0.05, 0.5)
    crouch(rng, body, depth)
    body.bend += rng.uniform(-0.1, 0.3)
    fidget(rng, body)
    return body


def bow(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Bowing and rising."""
    body = LowerBody(clock, slow_phase(rng, clock))
    depth = beat(body.phase)
    body.bend += depth * rng.uniform(0.6, 1.5)
    body.hip += (depth * rng.uniform(0.1, 0.5))[:, None]
    body.knee += (depth * rng.uniform(0.05, 0.4))[:, None]
    body.hinge = 0.35
    fidget(rng, body)
    return body


def shift(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Random stances, one after the other."""
    body = LowerBody(clock, slow_phase(rng, clock))
    low = (-0.4, -0.4, 0, 0, -0.05, -0.05, -0.2, -0.3, -0.5)
    high = (1.2, 1.2, 1.5, 1.5, 0.5, 0.5, 0.6, 0.3, 0.5)
    stances = keyframes(rng, clock, low, high)
    body.hip, body.knee, body.spread = stances[:, 0:2], stances[:, 2:4], stances[:, 4:6]
    body.bend, body.side, body.twist = stances[:, 6], stances[:, 7], stances[:, 8]
    fidget(rng, body)
    return body


def slow_phase(rng: np.random.Generator, clock: Clock) -> Curve:
    """(T) 0.3 to 0.9 turns a second from a random start: the rhythm of everything that is not gait."""
    return np.asarray(2 * np.pi * (rng.uniform(0.3, 0.9) * clock.seconds + rng.uniform()))


def crouch(rng: np.random.Generator, body: LowerBody, depth: Curve) -> None:
    """Both knees and hips bent by about `depth` (T), feet apart and flat."""
    for leg in (0, 1):
        body.hip[:, leg] = depth * rng.uniform(0.9, 1.05)
        body.knee[:, leg] = depth * rng.uniform(1.05, 1.25)
        body.ankle[:, leg] = -0.3 * depth
        body.spread[:, leg] = rng.uniform(0.1, 0.35)


def fidget(rng: np.random.Generator, body: LowerBody) -> None:
    """Small sway and turn of the trunk, in everyone who does not walk."""
    body.side = body.side + drift(rng, body.clock, 0.05, 0.7)
    body.twist = body.twist + drift(rng, body.clock, 0.1, 0.6)
