"""Squats, lunges, kicks and jumping jacks."""

import numpy as np

from openworld.lower_calm import crouch, fidget, slow_phase
from openworld.motion.curves import Clock, beat, pulse
from openworld.motion.lower_body import LowerBody


def squat(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Knee bends, shallow to deep."""
    body = LowerBody(clock, slow_phase(rng, clock))
    depth = beat(body.phase) * rng.uniform(0.6, 1.9)
    crouch(rng, body, depth)
    body.bend += 0.35 * depth
    body.hinge = 0.35
    fidget(rng, body)
    return body


def lunge(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Left leg forward and down."""
    body = LowerBody(clock, slow_phase(rng, clock))
    depth = beat(body.phase)
    body.hip[:, 0], body.knee[:, 0] = depth * rng.uniform(0.9, 1.4), depth * rng.uniform(1.1, 1.6)
    body.hip[:, 1], body.knee[:, 1] = -depth * rng.uniform(0.2, 0.5), depth * rng.uniform(0.6, 1.4)
    fidget(rng, body)
    return body


def kick(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Kicks with the right leg, forward to outward."""
    body = LowerBody(clock, slow_phase(rng, clock))
    height = pulse(body.phase, 2)
    body.hip[:, 1] = height * rng.uniform(0.7, 1.9)
    body.knee[:, 1] = rng.uniform(0.2, 1.2) * pulse(body.phase + 0.7, 2)
    body.spread[:, 1] = height * rng.uniform(0, 0.6)
    body.hip[:, 0], body.knee[:, 0] = 0.1, 0.15 + 0.1 * height
    body.bend = body.bend - 0.25 * height
    fidget(rng, body)
    return body


def jack(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Jumping jacks, two a turn of the phase."""
    body = LowerBody(clock, slow_phase(rng, clock))
    open_ = beat(2 * body.phase)
    body.spread += (open_ * rng.uniform(0.3, 0.55))[:, None]
    body.knee += (0.2 * (1 - open_))[:, None]
    body.lift = 0.12 * np.abs(np.sin(2 * body.phase))
    fidget(rng, body)
    return body
