"""Arms. Each primitive gives (T, 2, 4): left and right; flexion, abduction, twist, elbow; radians.

Flexion is the arm forward and up, abduction outward, both 0 with the arm hanging; the elbow is 0 when straight.
"""

import numpy as np

from openworld.motion.curves import Clock, Curve, beat, keyframes, pulse
from openworld.motion.lower_body import LowerBody

FASTER_THAN_WALKING = 1.9
"""Metres a second above which people swing bent arms; about where adults start to run."""


def swing(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """Arms that swing against the legs, bent and wider when running."""
    running = lower.speed > FASTER_THAN_WALKING
    reach = rng.uniform(0.3, 0.7) * (1.6 if running else 1.0)
    elbow = rng.uniform(0.2, 0.5) + (1.1 if running else 0.0)
    arms = []
    for offset in (np.pi, 2 * np.pi):
        wave = np.cos(lower.phase + offset)
        arms.append(_arm(lower.clock, reach * wave, rng.uniform(0.08, 0.25), rng.uniform(-0.3, 0.3),
                         elbow + 0.25 * np.maximum(0, wave)))  # fmt: skip
    return np.stack(arms, 1)


def gesture(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """Random arm poses, one after the other."""
    low, high = (-0.7, 0.05, -0.8, 0.05), (2.2, 1.7, 0.8, 2.2)
    return np.stack([keyframes(rng, lower.clock, low, high) for _ in "LR"], 1)


def wave(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """One hand waves high, the other hangs."""
    rate = rng.uniform(1, 2)
    high = _arm(lower.clock, rng.uniform(-0.2, 0.6), rng.uniform(1.6, 2.4), rng.uniform(-0.5, 0.5),
                0.9 + 0.5 * np.sin(2 * np.pi * rate * lower.clock.seconds))  # fmt: skip
    return _either_side(rng, high, _arm(lower.clock, 0.05, 0.15, 0.0, rng.uniform(0.1, 0.6)))


def punch(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """Punches, left and right in turn."""
    turn = 2 * np.pi * rng.uniform(0.8, 1.6) * lower.clock.seconds
    arms = []
    for offset in (0.0, np.pi):
        out = pulse(turn + offset, 3)
        arms.append(_arm(lower.clock, 0.6 + out * rng.uniform(0.7, 1.0), 0.25 + 0.2 * out, rng.uniform(-0.3, 0.3),
                         2.1 * (1 - out) + 0.1))  # fmt: skip
    return np.stack(arms, 1)


def overhead(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """Both arms out and up in time with a jumping jack."""
    arm = _arm(lower.clock, 0.0, 0.15 + beat(2 * lower.phase) * rng.uniform(2.3, 2.8), 0.0, 0.15)
    return np.stack([arm, arm], 1)


def clap(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """Clapping in front of the body."""
    apart = beat(2 * np.pi * rng.uniform(0.8, 2) * lower.clock.seconds)
    arm = _arm(lower.clock, rng.uniform(0.9, 1.5), -0.35 + apart * rng.uniform(0.6, 1.2), 0.0, rng.uniform(0.2, 0.7))
    return np.stack([arm, arm], 1)


def reach(rng: np.random.Generator, lower: LowerBody) -> Curve:
    """One or both arms reach forward and up."""
    out = beat(lower.phase)
    arm = _arm(lower.clock, out * rng.uniform(1, 2.9), 0.1 + out * rng.uniform(0, 0.4), 0.0, 0.5 - 0.4 * out)
    if rng.random() < 0.5:
        return np.stack([arm, arm], 1)
    return _either_side(rng, arm, _arm(lower.clock, 0.0, 0.15, 0.0, 0.2))


def _arm(
    clock: Clock, flexion: Curve | float, abduction: Curve | float, twist: Curve | float, elbow: Curve | float
) -> Curve:
    """(T, 4) with single values held throughout."""
    return np.stack([clock.still() + angle for angle in (flexion, abduction, twist, elbow)], 1)


def arms_of(
    clock: Clock, flexion: Curve | float, abduction: Curve | float, twist: Curve | float, elbow: Curve | float
) -> Curve:
    """(T, 2, 4) both arms; each angle is one value, one a frame (T), or one a frame and side (T, 2)."""
    return np.stack([_sides(clock, angle) for angle in (flexion, abduction, twist, elbow)], 2)


def _sides(clock: Clock, angle: Curve | float) -> Curve:
    values = np.asarray(angle, np.float64)
    return np.zeros((clock.frames, 2)) + (values[:, None] if values.ndim == 1 else values)


def _either_side(rng: np.random.Generator, active: Curve, idle: Curve) -> Curve:
    """(T, 2, 4) arms of which the left or the right, drawn at random, is the active one."""
    return np.stack([active, idle] if rng.random() < 0.5 else [idle, active], 1)
