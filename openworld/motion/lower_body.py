"""What the lower body does: standing and sitting, gaits, exercises. One function a primitive.

Each gives the angles of hips, knees and ankles, the bend of the trunk, and how the person travels (`LowerBody`).
T frames; radians; metres.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from openworld.motion.curves import Clock, Curve, beat, drift, keyframes, pulse

LEG_M = 0.8
"""Hip to ankle of the neutral open body, for the speed at which the feet do not slide."""


@dataclass
class LowerBody:
    """Angles in radians over T frames; column 0 is left, 1 is right. Starts as a person who stands upright."""

    clock: Clock
    phase: Curve
    """(T) of the primitive's own rhythm, for the arms to follow."""
    hip: Curve = field(init=False)
    """(T, 2) flexion: the thigh forward."""
    knee: Curve = field(init=False)
    """(T, 2) flexion, never below 0."""
    ankle: Curve = field(init=False)
    """(T, 2) toes down is positive."""
    spread: Curve = field(init=False)
    """(T, 2) the thigh outward."""
    bend: Curve = field(init=False)
    """(T) trunk forward, shared by the spine's joints."""
    side: Curve = field(init=False)
    """(T) trunk to its right."""
    twist: Curve = field(init=False)
    """(T) trunk turned to its left."""
    lift: Curve = field(init=False)
    """(T) metres between the lowest point and the floor."""
    speed: float = 0.0
    """Metres a second, forward."""
    sideways: float = 0.0
    """Metres a second to the left."""
    hinge: float = 0.0
    """Share of the bend that the pelvis adds: people bow from the hip."""
    whole: Rotation | None = None
    """T rotations of the body as one piece, before its heading; None for a body that stays upright."""
    arms: Curve | None = None
    """(T, 2, 4) arms that belong to this motion (upper_body.py); None lets any be drawn."""

    def __post_init__(self) -> None:
        self.hip, self.knee, self.ankle, self.spread = (np.zeros((self.clock.frames, 2)) for _ in range(4))
        self.bend, self.side, self.twist, self.lift = (self.clock.still() for _ in range(4))


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
