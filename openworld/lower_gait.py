"""Walking and running."""

import numpy as np

from openworld.motion.curves import Clock, Curve, pulse
from openworld.motion.lower_body import LowerBody

LEG_M = 0.8
"""Hip to ankle of the neutral open body, for the speed at which the feet do not slide."""


def walk(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Walking at 0.7 to 1.1 strides a second."""
    body = LowerBody(clock, _strides(rng, clock, 0.7, 1.1))
    swing = rng.uniform(0.35, 0.6)
    _stride(body, swing, rest=rng.uniform(0.1, 0.2), lift=rng.uniform(0.8, 1.1))
    body.bend += rng.uniform(0.0, 0.12)
    body.speed = _ground_speed(body.phase, clock, swing)
    return body


def run(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Running at 1.2 to 1.6 strides a second, leaning forward, off the ground twice a stride."""
    body = LowerBody(clock, _strides(rng, clock, 1.2, 1.6))
    swing = rng.uniform(0.6, 0.95)
    _stride(body, swing, rest=rng.uniform(0.4, 0.7), lift=rng.uniform(1.2, 1.8))
    body.bend += rng.uniform(0.1, 0.3)
    body.lift = 0.04 * np.abs(np.sin(body.phase))
    body.speed = _ground_speed(body.phase, clock, swing)
    return body


def _strides(rng: np.random.Generator, clock: Clock, slow: float, fast: float) -> Curve:
    return np.asarray(2 * np.pi * (rng.uniform(slow, fast) * clock.seconds + rng.uniform()))


def _stride(body: LowerBody, swing: float, rest: float, lift: float) -> None:
    """Both legs half a turn apart; the knee bends most while its leg comes forward."""
    for leg, offset in enumerate((0.0, np.pi)):
        turn = body.phase + offset
        body.hip[:, leg] = swing * np.cos(turn) + 0.12 * swing
        body.knee[:, leg] = rest + lift * pulse(turn + 0.5 + np.pi, 1.6)
        body.ankle[:, leg] = 0.2 * np.sin(turn)
    body.twist = 0.12 * np.sin(body.phase)


def _ground_speed(phase: Curve, clock: Clock, swing: float) -> float:
    """Two steps of a straight leg's chord a stride: 4 * leg * sin(swing) * strides a second, less the knee's part."""
    strides_a_second = (phase[1] - phase[0]) * clock.fps / (2 * np.pi)
    return float(0.85 * 4 * LEG_M * np.sin(swing) * strides_a_second)
